/* Runs a command in a process of its own.
 *
 * A file from elsewhere can make HDF5 crash or overwrite memory even after it opened well in the
 * trial of store/store.h.  So commands that read such files run in a child process that does
 * nothing else, and a crash of the child is reported as bad input. */
#pragma once

/* Run a command in a child process and return its exit code.  If a crash ends it, say so on stderr
 * and return the exit code of bad input; a signal from outside (Ctrl-C, kill) ends this process in
 * the same way.  The child ends with this process.  If no child can be made, the command runs in
 * this process. */
int isolate(int (*run)(int argc, char **argv), int argc, char **argv);

/* A command in a process of its own.
 *
 * A file from elsewhere can make HDF5 crash, or write where it should not, later than at its
 * opening, which is tried beforehand (store/store.h).  So what reads such files runs in a child
 * process that holds nothing else, and its death is an error of the input. */
#ifndef DUET_HARNESS_ISOLATE_H
#define DUET_HARNESS_ISOLATE_H

/* Run a command in a child process and return its exit code.  If a crash ends it, say so on stderr
 * and return the exit code of bad input; a signal from outside (Ctrl-C, kill) ends this process in
 * the same way.  The child ends with this process.  Where no process can be made the command runs
 * in this one. */
int isolate(int (*run)(int argc, char **argv), int argc, char **argv);

#endif

/* The commands of `duet`: each parses its own arguments with argp and returns the exit code. */
#pragma once

int command_run(int argc, char **argv);
int command_sweep(int argc, char **argv);
int command_collect(int argc, char **argv);
int command_plot(int argc, char **argv);
int command_export(int argc, char **argv);
int command_info(int argc, char **argv);
int command_list(int argc, char **argv);
int command_verify(int argc, char **argv);
int command_crosscheck(int argc, char **argv);
int command_figure(int argc, char **argv);

/* duet: the commands and their help. */
#include "core/text.h"
#include "harness/command.h"
#include "harness/spec/spec.h"
#include "harness/spec/words.h"
#include "store/isolate.h"

#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *usage, *summary;
    bool isolated; /* reads untrusted files */
} commands[] = {
    {"run", command_run, "run SPEC [KEY=VALUE ...]", "train and measure; one result file", false},
    {"sweep", command_sweep, "sweep SPEC [KEY=V1,V2 ...]",
     "run a grid of points; resumes after a stop", false},
    {"collect", command_collect, "collect DIR", "one table of a sweep's runs", false},
    {"plot", command_plot, "plot DIR --x KEY --y QUANTITY", "draw a quantity over a swept key",
     false},
    {"export", command_export, "export FILE.h5 DATASET", "a dataset as tab-separated values", true},
    {"info", command_info, "info FILE.h5 ...", "contents of result files", true},
    {"list", command_list, "list [KIND|NAME]",
     "the modules that a spec can name, with all parameters", false},
    {"verify", command_verify, "verify [ID ...] [KEY=VALUE ...]",
     "measure the claims of the theory, with controls", false},
    {"crosscheck", command_crosscheck, "crosscheck FILE.h5",
     "compare with an autodiff reference file", true},
    {"figure", command_figure, "figure NAME ...|all", "compute and draw figures", false},
};

enum { COMMAND_COUNT = sizeof commands / sizeof *commands };

/* Finds the index of the command's name among the arguments. */
static error_t parse(int key, char *word, struct argp_state *state)
{
    int *index = state->input;
    (void)word;
    switch (key) {
    case 'V':
        printf("duet %s (%s)\n", DUET_VERSION, DUET_COMMIT);
        exit(print_finish(0));
    case ARGP_KEY_ARG:
        *index = state->next - 1;
        state->next = state->argc; /* the rest is the command's */
        return 0;
    case ARGP_KEY_NO_ARGS: /* help as for --help, but with an error code */
        argp_state_help(state, stdout,
                        ARGP_HELP_LONG | ARGP_HELP_DOC | ARGP_HELP_SHORT_USAGE |
                            ARGP_HELP_EXIT_ERR);
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int unknown_command(const char *word)
{
    const char *names[COMMAND_COUNT];
    for (int i = 0; i < COMMAND_COUNT; i++)
        names[i] = commands[i].name;
    const char *nearest = nearest_word(word, names, COMMAND_COUNT);
    struct error err;
    if (nearest)
        error_set(&err, STATUS_INVALID, "unknown command '%s'; the nearest is %s", word, nearest);
    else
        error_set(&err, STATUS_INVALID, "unknown command '%s'; `duet --help` shows the commands",
                  word);
    return command_fail(&err);
}

static int run_command(const struct command *command, int argc, char **argv)
{
    char name[32]; /* for usage messages */
    snprintf(name, sizeof name, "duet %s", command->name);
    argv[0] = name;
    return command->isolated ? isolate(command->run, argc, argv) : command->run(argc, argv);
}

/* At the end of the program, for the help that argp prints. */
static void finish_output(void)
{
    const int code = print_finish(0);
    if (code)
        _exit(code);
}

int main(int argc, char **argv)
{
    atexit(finish_output);
    signal(SIGXFSZ,
           SIG_IGN); /* a file-size limit makes the write fail and does not kill the program */
    enum { FIRST_GROUP = 1 };
    struct argp_option options[COMMAND_COUNT + 2] = {{0}};
    for (int i = 0; i < COMMAND_COUNT; i++)
        options[i] = (struct argp_option){.name = commands[i].usage,
                                          .doc = commands[i].summary,
                                          .flags = OPTION_DOC | OPTION_NO_USAGE,
                                          .group = FIRST_GROUP + i};
    options[COMMAND_COUNT] = (struct argp_option){
        .name = "version", .key = 'V', .doc = "print the version", .group = -1};
    const struct argp argp = {
        .options = options,
        .parser = parse,
        .args_doc = "COMMAND [ARGUMENT ...]",
        .doc = "Check the theory of self-supervised learning numerically.\v"
               "`duet COMMAND --help` says more.  The manual page is duet(1).",
    };
    argp_err_exit_status = error_exit_code(STATUS_INVALID);
    int index = 0;
    argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &index);
    static char ask[] = "--help";
    if (strcmp(argv[index], "help") == 0 && index + 1 == argc) {
        argp_help(&argp, stdout, ARGP_HELP_STD_HELP & ~(unsigned)ARGP_HELP_EXIT_OK,
                  program_invocation_short_name);
        return print_finish(0);
    }
    if (strcmp(argv[index], "help") == 0) { /* help COMMAND: COMMAND --help */
        argv[index] = argv[index + 1];
        argv[index + 1] = ask;
    }
    for (int i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(argv[index], commands[i].name) == 0)
            return run_command(&commands[i], argc - index, argv + index);
    return unknown_command(argv[index]);
}

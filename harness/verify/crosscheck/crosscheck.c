#include "core/text.h"
#include "harness/command.h"
#include "harness/verify/crosscheck/subject.h"

#include <argp.h>
#include <stdlib.h>
#include <string.h>

enum status crosscheck_file(struct crosscheck *check, const char *path, struct error *err)
{
    static const char *const kinds[] = {"tree", "mlp", "outputs", NULL};
    static void (*const checks[])(struct crosscheck *) = {check_tree, check_mlp, check_outputs};
    struct store_file *file = NULL;
    size_t length = strlen(path);
    enum status status = store_open(&file, path, err);
    if (status)
        return status;
    store_tell_changed(file);
    check->file = file;
    check->err = err;
    const int kind = reference_word(check, "kind", kinds);
    if (!check->status)
        checks[kind](check);
    crosscheck_report_rest(check);
    if (check->status && err &&
        !(strncmp(err->message, path, length) == 0 && err->message[length] == ':'))
        error_context(err, "%s", path);
    names_free(&check->compared);
    check->file = NULL;
    store_close(file);
    return check->status;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    const char **path = state->input;
    switch (key) {
    case ARGP_KEY_ARG:
        if (state->arg_num > 0)
            argp_error(state, "one FILE.h5 at a time; '%s' is too many", arg);
        *path = arg;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "no FILE.h5 given");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int command_crosscheck(int argc, char **argv)
{
    static const struct argp argp = {
        .parser = parse,
        .args_doc = "FILE.h5",
        .doc =
            "Compare the engine with an autodiff reference file.\v"
            "Prints the largest relative error of each quantity in the file and fails (exit 1) "
            "if one is above 1e-9; differences below 1e-14 are rounding. Quantities that nothing "
            "has been built for yet are listed as such and do not count as passed.",
    };
    const char *path = NULL;
    argp_parse(&argp, argc, argv, 0, NULL, &path);
    struct crosscheck check = {.out = stdout};
    struct error err = {0};
    if (crosscheck_file(&check, path, &err))
        return command_fail(&err);
    printf("%d passed, %d failed, %d not built yet; largest relative error %.2e, tolerance %.0e\n",
           check.passed, check.failed, check.not_built, check.worst, CROSSCHECK_TOLERANCE);
    int code = print_finish(0);
    return code ? code : error_exit_code(check.failed ? STATUS_FAILED : STATUS_OK);
}

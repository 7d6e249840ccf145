#include "harness/verify/verify.h"

#include "core/text.h"
#include "harness/command.h"
#include "store/output.h"
#include "store/store.h"
#include "theorems/claims.h"

#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

static bool json_on_stdout(const struct verify_options *options)
{
    return options->json && strcmp(options->json, "-") == 0;
}

static const struct output_kind json_kind = {
    .name = "table of verdicts", .start = "[\n {\"id\": ", .mark = ""};
static const struct output_kind expected_kind = {
    .name = "table of expected verdicts", .start = "# duet verify ", .mark = ""};

static enum status check_files(const struct verification *v, struct error *err)
{
    const struct verify_options *options = v->options;
    enum status status = STATUS_OK;
    if (options->json && options->report && strcmp(options->json, options->report) == 0)
        status = error_set(err, STATUS_INVALID, "%s: --json and --report need a file each",
                           options->json);
    if (!status && options->expect)
        status = expected_check(v, options->expect, err);
    if (!status && options->write_expected)
        status = output_check(options->write_expected, &expected_kind, err);
    if (!status && options->json && !json_on_stdout(options))
        status = output_check(options->json, &json_kind, err);
    if (!status && options->report)
        status = report_check(v, options->report, err);
    return status;
}

static enum status write_files(const struct verification *v, struct error *err)
{
    enum status status = STATUS_OK;
    if (v->options->json && !json_on_stdout(v->options))
        status = output_print(v->options->json, &json_kind, verdicts_json, v, err);
    if (!status && v->options->report)
        status = report_write(v, v->options->report, err);
    if (!status && v->options->write_expected)
        status = output_print(v->options->write_expected, &expected_kind, expected_print, v, err);
    return status;
}

/* ---- interrupts ---- */

/* Instances ask whether to go on where they can; a training of minutes does not.  Nothing is
 * written before all are measured, so the process may end anywhere: a timer ends it when an
 * interrupt has been waited for at a whole tick. */
static void tick(int signal)
{
    static const char message[] = "\nduet: interrupted within an instance; nothing was written\n";
    static volatile sig_atomic_t waited;
    (void)signal;
    if (interrupted() && waited++ > 0) {
        ssize_t written = write(STDERR_FILENO, message, sizeof message - 1);
        (void)written;
        _exit(error_exit_code(STATUS_INTERRUPTED));
    }
}

/* Ticks of half a second; 0 seconds end them. */
static void set_ticks(long microseconds)
{
    const struct itimerval timer = {{0, microseconds}, {0, microseconds}};
    const struct sigaction action = {.sa_handler = microseconds ? tick : SIG_DFL,
                                     .sa_flags = SA_RESTART};
    if (microseconds)
        sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &timer, NULL);
}

static enum status verify(struct verification *v, struct error *err)
{
    struct progress progress;
    enum status status = check_files(v, err);
    if (status)
        return status;
    progress_start(&progress, v->options->quiet);
    interrupt_catch();
    set_ticks(500000);
    status = verification_run(v, &progress, err);
    set_ticks(0);
    progress_end(&progress);
    if (!status)
        status = write_files(v, err);
    return status;
}

static int print_outcome(const struct verification *v)
{
    bool json = json_on_stdout(v->options);
    errno = 0;
    if (json)
        verdicts_json(stdout, v);
    if (!v->options->quiet)
        verdicts_print(v, json ? stderr : stdout);
    int code = print_finish(0);
    struct error err = {0};
    if (!code && v->options->expect && expected_compare(v, v->options->expect, stderr, &err))
        code = command_fail(&err);
    return code ? code : error_exit_code(verification_status(v));
}

enum {
    OPTION_SEED = 256,
    OPTION_QUICK,
    OPTION_JSON,
    OPTION_REPORT,
    OPTION_EXPECT,
    OPTION_WRITE_EXPECTED
};

static const struct argp_option argp_options[] = {
    {"seed", OPTION_SEED, "S", 0, "seed of every random stream; default: 1", 0},
    {"quick", OPTION_QUICK, NULL, 0, "fewer instances; the longest measurements are left out", 0},
    {"jobs", 'j', "N", 0, "threads to use; default: all processors. Verdicts do not depend on it",
     0},
    {"json", OPTION_JSON, "FILE", 0, "write the table as JSON; - for stdout", 0},
    {"report", OPTION_REPORT, "FILE.md", 0,
     "write statements, numbers and verdicts as Markdown, and curves in the folder FILE", 0},
    {"expect", OPTION_EXPECT, "FILE", 0,
     "compare thresholds, verdicts and effects with this table; exit 1 if anything turned", 0},
    {"write-expected", OPTION_WRITE_EXPECTED, "FILE", 0, "write the table for --expect", 0},
    {"quiet", 'q', NULL, 0, "no progress and no table", 0},
    {0},
};

static uint64_t parse_seed(const char *text, struct argp_state *state)
{
    char *end;
    errno = 0;
    unsigned long long seed = strtoull(text, &end, 10);
    if (!isdigit((unsigned char)*text) || *end || errno || seed > INT64_MAX)
        argp_error(state, "--seed is '%s'; give an integer from 0 to 2^63 - 1", text);
    return seed;
}

static const char *parse_report(const char *path, struct argp_state *state)
{
    size_t length = strlen(path);
    const char *slash = strrchr(path, '/');
    if (length > RUN_PATH / 2 || strlen(slash ? slash + 1 : path) < 4 ||
        strcmp(path + length - 3, ".md") != 0)
        argp_error(state, "--report is '%s'; give a name that ends in .md", path);
    return path;
}

static void parse_argument(struct verify_options *options, const char *arg,
                           struct argp_state *state)
{
    const char *equals = strchr(arg, '=');
    if (equals == arg)
        argp_error(state, "'%s' has no key; write KEY=VALUE, such as width=8", arg);
    if (equals && options->override_count == RUN_MAX_OVERRIDES)
        argp_error(state, "more than %d overrides", RUN_MAX_OVERRIDES);
    if (!equals && options->id_count == VERIFY_MAX_IDS)
        argp_error(state, "more than %d IDs; a prefix such as DDN selects many", VERIFY_MAX_IDS);
    if (equals)
        options->overrides[options->override_count++] = arg;
    else
        options->ids[options->id_count++] = arg;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct verify_options *options = state->input;
    switch (key) {
    case OPTION_SEED:
        options->seed = parse_seed(arg, state);
        return 0;
    case OPTION_QUICK:
        options->quick = true;
        return 0;
    case 'j':
        options->jobs = parse_threads("--jobs", arg, state);
        return 0;
    case OPTION_JSON:
        options->json = arg;
        return 0;
    case OPTION_REPORT:
        options->report = parse_report(arg, state);
        return 0;
    case OPTION_EXPECT:
        options->expect = arg;
        return 0;
    case OPTION_WRITE_EXPECTED:
        options->write_expected = arg;
        return 0;
    case 'q':
        options->quiet = true;
        return 0;
    case ARGP_KEY_ARG:
        parse_argument(options, arg, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int command_verify(int argc, char **argv)
{
    static const struct argp argp = {
        .options = argp_options,
        .parser = parse,
        .args_doc = "[ID ...] [KEY=VALUE ...]",
        .doc = "Measure the claims of the theory, each beside controls in which a hypothesis is "
               "removed.\vID is a claim, such as DDN-4, or a prefix, such as HLTM; without any, "
               "all claims are measured. KEY=VALUE sets a parameter of all chosen claims that have "
               "it. `duet list theorems` shows claims and parameters.\n"
               "\n"
               "The table shows how many parts of each claim were measured, and of its worst "
               "part the error, the tolerance, and the smallest error of its controls. A claim "
               "holds if all of its parts were measured and hold; it is not refuted if some were "
               "and hold. The seconds are summed over all parts and threads.\n"
               "\n"
               "Exit code: 0; 1 a claim fails, a control does not, nothing that was asked for "
               "could be checked, or something is not as expected; 2 bad input; 130 interrupted "
               "(nothing is written).",
    };
    struct verify_options options = {.seed = 1};
    struct verification v;
    struct error err = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &options);
    signal(SIGPIPE, SIG_IGN); /* a closed pipe is a failed write */
    if (verification_create(&v, &options, &claim_registry, &err))
        return command_fail(&err);
    int code = verify(&v, &err) ? command_fail(&err) : print_outcome(&v);
    verification_free(&v);
    return code;
}

/* Protects store/isolate.c: the caller sees the output and the exit code of a command in a separate
 * process, and a crash is an error of the input. */
#include "store/isolate.h"
#include "tests/kit/testing.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static char *arguments[] = {"duet test", "one", NULL};
static int in_this_process;

static int succeed(int argc, char **argv)
{
    in_this_process = 1;
    printf("%d %s", argc, argv[1]);
    return 3;
}

static int read_null(int argc, char **argv)
{
    (void)argc, (void)argv;
    const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    signal(SIGSEGV, SIG_DFL); /* sanitizers turn it into an exit */
    raise(SIGSEGV);
    return 0;
}

static int be_stopped(int argc, char **argv)
{
    (void)argc, (void)argv;
    signal(SIGTERM, SIG_DFL);
    raise(SIGTERM);
    return 0;
}

/* The output of isolate to stdout and stderr; `how`: wait status of the process that calls it. */
static void capture(int (*run)(int, char **), char *said, size_t size, int *how)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        printf("before ");
        const int code = isolate(run, 2, arguments);
        fflush(stdout);
        _exit(in_this_process ? 99 : code);
    }
    close(ends[1]);
    size_t length = 0;
    ssize_t got;
    while (length + 1 < size && (got = read(ends[0], said + length, size - 1 - length)) > 0)
        length += (size_t)got;
    said[length] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(child, how, 0), child);
}

static void output_and_code_pass(void **state)
{
    (void)state;
    char said[256];
    int how;
    capture(succeed, said, sizeof said, &how);
    assert_string_equal(said, "before 2 one");
    assert_true(WIFEXITED(how));
    assert_int_equal(WEXITSTATUS(how), 3);
}

static void a_crash_is_bad_input(void **state)
{
    (void)state;
    char said[256];
    int how;
    capture(read_null, said, sizeof said, &how);
    assert_non_null(strstr(said, "before duet: duet test: HDF5 crashed (Segmentation fault)"));
    assert_true(WIFEXITED(how));
    assert_int_equal(WEXITSTATUS(how), 2);
}

static void a_signal_from_outside_ends_both(void **state)
{
    (void)state;
    char said[256];
    int how;
    capture(be_stopped, said, sizeof said, &how);
    assert_string_equal(said, "before ");
    assert_true(WIFSIGNALED(how));
    assert_int_equal(WTERMSIG(how), SIGTERM);
}

static int wait_for_ever(int argc, char **argv)
{
    (void)argc, (void)argv;
    putchar('x');
    fflush(stdout);
    return pause();
}

/* The child holds the write end of the pipe: when it ends, the file ends. */
static void the_child_ends_with_its_parent(void **state)
{
    (void)state;
    int ends[2];
    char byte;
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        _exit(isolate(wait_for_ever, 2, arguments));
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    alarm(60);
    assert_int_equal(read(ends[0], &byte, 1), 0);
    alarm(0);
    close(ends[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(output_and_code_pass),
        cmocka_unit_test(a_crash_is_bad_input),
        cmocka_unit_test(a_signal_from_outside_ends_both),
        cmocka_unit_test(the_child_ends_with_its_parent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

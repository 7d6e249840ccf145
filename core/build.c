#include "core/build.h"

#include <cblas.h>
#include <gnu/libc-version.h>
#include <gsl/gsl_version.h>
#include <hdf5.h>
#include <libxsmm.h>
#include <stdio.h>
#include <string.h>

/* The instructions whose use changes sums or products; the compiler says what it may use. */
static const char instructions[] =
#if defined __x86_64__
    "x86-64:"
#elif defined __aarch64__
    "aarch64:"
#else
    "another:"
#endif
#ifdef __SSE4_2__
    " sse4.2"
#endif
#ifdef __AVX__
    " avx"
#endif
#ifdef __AVX2__
    " avx2"
#endif
#ifdef __FMA__
    " fma"
#endif
#ifdef __AVX512F__
    " avx512f"
#endif
#ifdef __AVX512DQ__
    " avx512dq"
#endif
#ifdef __AVX512VL__
    " avx512vl"
#endif
#ifdef __ARM_FEATURE_SVE
    " sve"
#endif
    ;

static const char compiler[] =
#ifdef __clang__
    "" __VERSION__ /* begins with its name */
#else
    "gcc " __VERSION__
#endif
#ifndef __OPTIMIZE__
    ", not optimised"
#endif
    ;

/* OpenBLAS describes itself as "OpenBLAS 0.3.21 DYNAMIC_ARCH NO_AFFINITY Haswell MAX_THREADS=64".
 */
static void describe_openblas(char value[BUILD_VALUE])
{
    const char *words = openblas_get_config();
    const char *version = strchr(words, ' ');
    version = version ? version + 1 : words;
    snprintf(value, BUILD_VALUE, "%.*s %s", (int)strcspn(version, " "), version,
             openblas_get_corename());
}

static void describe_libxsmm(char value[BUILD_VALUE])
{
    snprintf(value, BUILD_VALUE, "%s %s", LIBXSMM_VERSION, libxsmm_get_target_arch());
}

static void describe_hdf5(char value[BUILD_VALUE])
{
    unsigned major = 0, minor = 0, release = 0;
    H5get_libversion(&major, &minor, &release);
    snprintf(value, BUILD_VALUE, "%u.%u.%u", major, minor, release);
}

static void describe_gsl(char value[BUILD_VALUE])
{
    snprintf(value, BUILD_VALUE, "%s", gsl_version);
}

static void describe_libc(char value[BUILD_VALUE])
{
    snprintf(value, BUILD_VALUE, "%s", gnu_get_libc_version());
}

static const struct {
    const char *name, *value; /* NULL: known when the program runs */
    void (*describe)(char value[BUILD_VALUE]);
} facts[BUILD_FACTS] = {
    {"duet_version", DUET_VERSION, NULL},
    {"commit", DUET_COMMIT, NULL},
    {"instruction_set", instructions, NULL},
    {"compiler", compiler, NULL},
    {"openblas", NULL, describe_openblas},
    {"libxsmm", NULL, describe_libxsmm},
    {"gsl", NULL, describe_gsl},
    {"hdf5", NULL, describe_hdf5},
    {"libc", NULL, describe_libc},
};

const char *build_fact_name(size_t i)
{
    return facts[i].name;
}

void build_facts(struct build_fact fact[BUILD_FACTS])
{
    for (size_t i = 0; i < BUILD_FACTS; i++) {
        fact[i].name = facts[i].name;
        if (facts[i].describe)
            facts[i].describe(fact[i].value);
        else
            snprintf(fact[i].value, BUILD_VALUE, "%s", facts[i].value);
    }
}

void build_text(const struct build_fact fact[BUILD_FACTS], char text[BUILD_TEXT])
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < BUILD_FACTS; i++)
        used += (size_t)snprintf(text + used, BUILD_TEXT - used, "%s %s\n", fact[i].name,
                                 fact[i].value);
}

/* The value of a fact in a text of lines; length 0: it is not there. */
static const char *find_fact(const char *text, const char *name, size_t *length)
{
    const size_t of_name = strlen(name);
    for (const char *line = text; *line;) {
        const size_t whole = strcspn(line, "\n");
        if (strncmp(line, name, of_name) == 0 && line[of_name] == ' ') {
            *length = whole - of_name - 1;
            return line + of_name + 1;
        }
        line += whole + (line[whole] == '\n');
    }
    *length = 0;
    return "";
}

bool build_compare(const char *here, const char *there, char *difference, size_t size)
{
    size_t used = 0;
    if (size > 0)
        difference[0] = '\0';
    bool same = true;
    for (size_t i = 0; i < BUILD_FACTS; i++) {
        size_t a, b;
        const char *mine = find_fact(here, facts[i].name, &a),
                   *other = find_fact(there, facts[i].name, &b);
        if (a == b && strncmp(mine, other, a) == 0)
            continue;
        if (used < size)
            used +=
                (size_t)snprintf(difference + used, size - used, "%s%s is %.*s here and %.*s there",
                                 same ? "" : ", ", facts[i].name, a ? (int)a : 7,
                                 a ? mine : "nothing", b ? (int)b : 7, b ? other : "nothing");
        same = false;
    }
    return same;
}

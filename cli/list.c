#include "analysis/registry.h"
#include "core/text.h"
#include "harness/command.h"
#include "harness/spec/spec.h"
#include "harness/spec/value.h"
#include "harness/spec/words.h"
#include "paper_figs/figures.h"
#include "sim/registry.h"
#include "theorems/claims.h"

#include <argp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

enum {
    PAGE_WIDTH = 80,
    INDENT = 4,
    GAP = 2,         /* between columns */
    LEAST_ROOM = 20, /* for a meaning */
    CELL = 256,      /* bytes of a cell */
};

/* The kinds that can be listed. */
static const struct kind {
    const char *name;
    const char *key; /* the key by which a spec names one */
    const struct registry *registry;
} kinds[] = {
    {"data", "data.source", &source_registry},
    {"objectives", "objective.name", &objective_registry},
    {"networks", "network.kind", &network_registry},
    {"predictors", "predictor.kind", &predictor_registry},
    {"optimisers", "optimiser.name", &optimiser_registry},
    {"predictor_optimisers", "predictor_optimiser.name", &predictor_optimiser_registry},
    {"trainers", "train.trainer", &trainer_registry},
    {"measure", "measure", &measure_registry},
    {"probes", "measure.probes", &probe_registry},
    {"theorems", NULL, &claim_registry},
    {"figures", NULL, &figure_registry},
};

enum { KIND_COUNT = sizeof kinds / sizeof *kinds };

/* ---- text on a page ---- */

/* Width in columns of `length` bytes of UTF-8. */
static size_t columns(const char *text, size_t length)
{
    size_t count = 0;
    for (size_t i = 0; i < length; i++)
        count += ((unsigned char)text[i] & 0xc0) != 0x80;
    return count;
}

/* Print `length` bytes of words from column `at` to the right edge, and indent further lines. */
static void print_wrapped(const char *text, size_t length, size_t at, size_t indent)
{
    const char *end = text + length;
    bool first = true;
    while (text < end) {
        size_t word = 0;
        while (text + word < end && text[word] != ' ')
            word++;
        size_t width = columns(text, word);
        if (!first && at + 1 + width > PAGE_WIDTH) {
            printf("\n%*s", (int)indent, "");
            at = indent;
        } else if (!first) {
            putchar(' ');
            at++;
        }
        printf("%.*s", (int)word, text);
        at += width;
        first = false;
        for (text += word; text < end && *text == ' ';)
            text++;
    }
    putchar('\n');
}

/* Bytes of the first sentence: up to a full stop before a space and a capital letter. */
static size_t first_sentence(const char *text)
{
    for (const char *c = text; (c = strstr(c, ". ")); c++)
        if (c[2] >= 'A' && c[2] <= 'Z')
            return (size_t)(c - text) + 1;
    return strlen(text);
}

/* ---- one kind ---- */

enum column { NAME, TYPE, RANGE, DEFAULT, COLUMN_COUNT };

static const char *const headings[COLUMN_COUNT] = {"key", "type", "values", "default"};

/* A cell of the row of `param`, or of the headings. */
static void write_cell(char *cell, const struct param *param, enum column column)
{
    if (param && column == RANGE) {
        param_range(param, cell, CELL);
        return;
    }
    const char *text = !param           ? headings[column]
                       : column == NAME ? param->name
                       : column == TYPE ? param_type_name(param->type)
                                        : param->fallback;
    snprintf(cell, CELL, "%s", text ? text : "(required)");
}

static void print_padded(const char *text, size_t width)
{
    size_t used = columns(text, strlen(text));
    printf("%s%*s", text, (int)(width > used ? width - used : 0), "");
}

/* `width` of every column; returns the column of the page where the meaning starts. */
static size_t measure_columns(const struct param *params, size_t *width)
{
    size_t left = INDENT;
    char cell[CELL];
    for (int c = 0; c < COLUMN_COUNT; c++) {
        width[c] = strlen(headings[c]);
        for (const struct param *p = params; p->name; p++) {
            write_cell(cell, p, (enum column)c);
            size_t used = columns(cell, strlen(cell));
            width[c] = used > width[c] ? used : width[c];
        }
        left += width[c] + GAP;
    }
    return left;
}

/* The headings, or the row of `param`.  If little room is left for the meaning, it has a line of
 * its own. */
static void print_row(const struct param *param, const size_t *width, size_t left)
{
    const bool below = left + LEAST_ROOM > PAGE_WIDTH;
    char cell[CELL];
    printf("%*s", INDENT, "");
    for (int c = 0; c < COLUMN_COUNT; c++) {
        write_cell(cell, param, (enum column)c);
        bool last = below && c == COLUMN_COUNT - 1;
        print_padded(cell, last ? 0 : width[c]);
        printf("%*s", last ? 0 : GAP, "");
    }
    if (below)
        printf("\n%*s", 2 * INDENT, "");
    const char *meaning = param ? param->doc : "meaning";
    size_t at = below ? 2 * INDENT : left;
    print_wrapped(meaning, strlen(meaning), at, at);
}

static void print_params(const struct param *params)
{
    size_t width[COLUMN_COUNT];
    size_t left = measure_columns(params, width);
    putchar('\n');
    print_row(NULL, width, left);
    for (const struct param *p = params; p->name; p++)
        print_row(p, width, left);
}

static void print_entry(const struct descriptor *entry)
{
    printf("%s\n%*s", entry->name, INDENT, "");
    print_wrapped(entry->doc, strlen(entry->doc), INDENT, INDENT);
    if (entry->source)
        printf("%*sSource: %s\n", INDENT, "", entry->source);
    if (entry->params && entry->params->name)
        print_params(entry->params);
    else
        printf("%*sNo parameters.\n", INDENT, "");
}

static void print_kind(const struct kind *kind)
{
    for (size_t i = 0; i < kind->registry->count; i++) {
        if (i > 0)
            putchar('\n');
        print_entry(kind->registry->entries[i]);
    }
}

/* ---- all kinds ---- */

static void print_overview(void)
{
    size_t width = 0;
    for (int k = 0; k < KIND_COUNT; k++)
        for (size_t i = 0; i < kinds[k].registry->count; i++) {
            size_t length = strlen(kinds[k].registry->entries[i]->name);
            width = length > width ? length : width;
        }
    for (int k = 0; k < KIND_COUNT; k++) {
        const struct kind *kind = &kinds[k];
        printf("%s%s%s%s\n", kind->name, kind->key ? " (" : "", kind->key ? kind->key : "",
               kind->key ? ")" : "");
        for (size_t i = 0; i < kind->registry->count; i++) {
            const struct descriptor *entry = kind->registry->entries[i];
            printf("%*s", GAP, "");
            print_padded(entry->name, width + GAP);
            size_t at = GAP + width + GAP;
            print_wrapped(entry->doc, first_sentence(entry->doc), at, at);
        }
        putchar('\n');
    }
    printf("`duet list KIND` shows each with its parameters.\n");
}

/* ---- the command ---- */

static error_t parse(int key, char *word, struct argp_state *state)
{
    const char **kind = state->input;
    if (key != ARGP_KEY_ARG)
        return ARGP_ERR_UNKNOWN;
    if (*kind)
        argp_error(state, "'%s' is one argument too many; give one KIND or none", word);
    *kind = word;
    return 0;
}

static int unknown_kind(const char *word)
{
    const char *names[KIND_COUNT];
    char right[CELL];
    for (int k = 0; k < KIND_COUNT; k++)
        names[k] = kinds[k].name;
    suggest_word(right, sizeof right, word, names, KIND_COUNT, "the kinds are");
    struct error err;
    error_set(&err, STATUS_INVALID, "unknown kind '%s'; %s", word, right);
    return command_fail(&err);
}

int command_list(int argc, char **argv)
{
    static const struct argp argp = {
        .parser = parse,
        .args_doc = "[KIND]",
        .doc =
            "Show all modules that a spec can name, or all of one kind with their parameters: key, "
            "type, values allowed, default and meaning.",
    };
    const char *word = NULL;
    argp_parse(&argp, argc, argv, 0, NULL, &word);
    signal(SIGPIPE, SIG_IGN); /* a closed pipe is a failed write */
    const struct kind *kind = NULL;
    for (int k = 0; word && k < KIND_COUNT; k++)
        if (strcmp(word, kinds[k].name) == 0)
            kind = &kinds[k];
    if (word && !kind)
        return unknown_kind(word);
    if (kind)
        print_kind(kind);
    else
        print_overview();
    return print_finish(0);
}

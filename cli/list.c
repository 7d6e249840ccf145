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
#include <strings.h>

enum {
    PAGE_WIDTH = 80,
    INDENT = 4,
    GAP = 2,         /* between columns */
    LEAST_ROOM = 20, /* for a meaning */
    CELL = 256,      /* bytes of a cell */
    WIDEST = 40,     /* columns of a cell; what is wider stands with the meaning */
    TEXT = 2048,     /* bytes of a meaning */
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

/* What belongs into a cell of the row of `param`, or of the headings. */
static void write_whole(char *cell, const struct param *param, enum column column)
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

static bool is_wide(const char *cell)
{
    return columns(cell, strlen(cell)) > WIDEST;
}

static void write_cell(char *cell, const struct param *param, enum column column)
{
    write_whole(cell, param, column);
    if (is_wide(cell))
        snprintf(cell, CELL, "...");
}

/* The meaning of `param`, and its cells that are too wide. */
static void write_meaning(char text[TEXT], const struct param *param)
{
    char cell[CELL];
    snprintf(text, TEXT, "%s", param ? param->doc : "meaning");
    for (int c = 0; param && c < COLUMN_COUNT; c++) {
        write_whole(cell, param, (enum column)c);
        if (is_wide(cell))
            append_text(text, TEXT, "; %s: %s", headings[c], cell);
    }
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
    char meaning[TEXT];
    write_meaning(meaning, param);
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
    printf("`duet list KIND` shows each with its parameters, `duet list NAME` one of them.\n");
}

/* ---- one name ---- */

/* Print all entries of that name, whose kinds may be several; returns their number. */
static size_t print_named(const char *word)
{
    size_t found = 0;
    for (int k = 0; k < KIND_COUNT; k++)
        for (size_t i = 0; i < kinds[k].registry->count; i++) {
            const struct descriptor *entry = kinds[k].registry->entries[i];
            if (strcasecmp(entry->name, word) != 0)
                continue;
            printf("%sOne of the %s%s%s%s:\n\n", found++ ? "\n" : "", kinds[k].name,
                   kinds[k].key ? " (" : "", kinds[k].key ? kinds[k].key : "",
                   kinds[k].key ? ")" : "");
            print_entry(entry);
        }
    return found;
}

static int unknown_name(const char *word)
{
    enum { NAMES = 512 };
    const char *names[NAMES], *kind_names[KIND_COUNT];
    char right[CELL];
    size_t count = 0;
    for (int k = 0; k < KIND_COUNT; k++) {
        names[count++] = kind_names[k] = kinds[k].name;
        for (size_t i = 0; i < kinds[k].registry->count && count < NAMES - KIND_COUNT; i++)
            names[count++] = kinds[k].registry->entries[i]->name;
    }
    if (nearest_word(word, names, count))
        suggest_word(right, sizeof right, word, names, count, "");
    else
        suggest_word(right, sizeof right, word, kind_names, KIND_COUNT,
                     "`duet list` shows all names, and the kinds are");
    struct error err;
    error_set(&err, STATUS_INVALID, "'%s' is no kind and no name; %s", word, right);
    return command_fail(&err);
}

/* ---- the command ---- */

static error_t parse(int key, char *word, struct argp_state *state)
{
    const char **kind = state->input;
    if (key != ARGP_KEY_ARG)
        return ARGP_ERR_UNKNOWN;
    if (*kind)
        argp_error(state, "'%s' is one argument too many; give one KIND or NAME, or none", word);
    *kind = word;
    return 0;
}

int command_list(int argc, char **argv)
{
    static const struct argp argp = {
        .parser = parse,
        .args_doc = "[KIND|NAME]",
        .doc = "Show all modules that a spec can name; or all of one KIND, such as objectives, or "
               "those "
               "called NAME, such as infonce, with their parameters: key, type, values allowed, "
               "default "
               "and meaning.",
    };
    const char *word = NULL;
    argp_parse(&argp, argc, argv, 0, NULL, &word);
    signal(SIGPIPE, SIG_IGN); /* a closed pipe is a failed write */
    const struct kind *kind = NULL;
    for (int k = 0; word && k < KIND_COUNT; k++)
        if (strcmp(word, kinds[k].name) == 0)
            kind = &kinds[k];
    if (kind)
        print_kind(kind);
    else if (!word)
        print_overview();
    else if (print_named(word) == 0)
        return unknown_name(word);
    return print_finish(0);
}

/* Expected verdicts: a table with a row per part of a claim, kept beside the claims.
 *
 * It holds the thresholds of each part too, so that a verdict that turns and a threshold that is
 * lowered are both seen.  The first line is the command that measures the same. */
#include "core/text.h"
#include "harness/verify/verify.h"
#include "store/store.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CELL = 96, LINE = 1024, COMMAND = 512 };

/* An effect is compared by its number and its side; all else as text. */
enum column {
    ID,
    PART,
    KIND,
    TOLERANCE,
    LEAST,
    REPORTED,
    CONTROLS,
    INSTANCES,
    VERDICT,
    EFFECT,
    LOW,
    HIGH,
    COLUMNS
};

static const char *const headings[COLUMNS] = {"claim",   "part",     "kind",       "tolerance",
                                              "least",   "reported", "controls",   "instances",
                                              "verdict", "effect",   "effect.low", "effect.high"};

static const char sign[] = "# duet verify";

/* The command, without the names of claims and files. */
static void put_command(const struct verification *v, char text[COMMAND])
{
    const struct verify_options *options = v->options;
    int used = snprintf(text, COMMAND, "%s --seed %" PRIu64 "%s", sign, options->seed,
                        options->quick ? " --quick" : "");
    for (size_t i = 0; i < options->override_count && used < COMMAND; i++)
        used += snprintf(text + used, (size_t)(COMMAND - used), " %s", options->overrides[i]);
}

/* ---- rows ---- */

static void put_number(char cell[CELL], double value, bool there)
{
    if (there)
        snprintf(cell, CELL, "%.4g", value);
    else
        snprintf(cell, CELL, "-");
}

static void fill_row(const struct outcome *o, int p, char cell[COLUMNS][CELL])
{
    const struct part *part = &o->claim->parts[p];
    const struct judgement *j = &o->part[p];
    const bool least = part->kind == PART_RATE || part->kind == PART_EFFECT;
    const bool effect = part->kind == PART_EFFECT && j->verdict != VERDICT_NOT_CHECKED;
    snprintf(cell[ID], CELL, "%s", o->claim->about.name);
    snprintf(cell[PART], CELL, "%d %.*s", p + 1, (int)strcspn(part->statement, ":\t"),
             part->statement);
    snprintf(cell[KIND], CELL, "%s", part_kind_name(part->kind));
    put_number(cell[TOLERANCE], part_tolerance(part), part->kind != PART_EFFECT);
    put_number(cell[LEAST], part->least, least);
    snprintf(cell[REPORTED], CELL, "%s", part->reported ? "yes" : "no");
    snprintf(cell[CONTROLS], CELL, "%d", part_controls(part));
    snprintf(cell[INSTANCES], CELL, "%d", j->instances);
    snprintf(cell[VERDICT], CELL, "%s", verdict_name(j->verdict));
    put_number(cell[EFFECT], j->interval.mean, effect);
    put_number(cell[LOW], j->interval.low, effect);
    put_number(cell[HIGH], j->interval.high, effect);
}

void expected_print(FILE *out, const void *verification)
{
    const struct verification *v = verification;
    char command[COMMAND], cell[COLUMNS][CELL];
    put_command(v, command);
    fprintf(out, "%s\n", command);
    for (int c = 0; c < COLUMNS; c++)
        fprintf(out, "%s%c", headings[c], c + 1 < COLUMNS ? '\t' : '\n');
    for (size_t i = 0; i < v->count; i++)
        for (int p = 0; p < v->outcome[i].claim->part_count; p++) {
            fill_row(&v->outcome[i], p, cell);
            for (int c = 0; c < COLUMNS; c++)
                fprintf(out, "%s%c", cell[c], c + 1 < COLUMNS ? '\t' : '\n');
        }
}

/* ---- reading ---- */

struct expected {
    const char *path;
    char *text;
    char *(*row)[COLUMNS]; /* [count], into `text` */
    bool *met;             /* [count] */
    size_t count;
};

static void expected_free(struct expected *e)
{
    free(e->text);
    free(e->row);
    free(e->met);
}

static enum status read_text(struct expected *e, struct error *err)
{
    size_t size = 0;
    FILE *in = fopen(e->path, "r");
    const bool read = in && getdelim(&e->text, &size, '\0', in) > 0;
    enum status status = STATUS_OK;
    if (!read)
        status = error_set(err, STATUS_INVALID, "%s: cannot read: %s", e->path,
                           in ? "it is empty" : strerror(errno));
    if (in)
        fclose(in);
    return status;
}

/* Split `line` into its cells. */
static bool split(char *line, char *cell[COLUMNS])
{
    for (int c = 0; c < COLUMNS; c++)
        if (!(cell[c] = strsep(&line, "\t")))
            return false;
    return line == NULL;
}

static enum status check_head(const struct verification *v, const char *path, const char *first,
                              char *second, struct error *err)
{
    char command[COMMAND], *cell[COLUMNS];
    put_command(v, command);
    if (!first || strncmp(first, sign, strlen(sign)) != 0 || !second || !split(second, cell) ||
        strcmp(cell[VERDICT], headings[VERDICT]) != 0)
        return error_set(err, STATUS_INVALID,
                         "%s: no table of expected verdicts; --write-expected writes one", path);
    if (strcmp(first, command) != 0)
        return error_set(err, STATUS_INVALID, "%s:1: made by `%s`; this is `%s`", path, first + 2,
                         command + 2);
    return STATUS_OK;
}

static enum status expected_read(struct expected *e, const struct verification *v,
                                 struct error *err)
{
    enum status status = read_text(e, err);
    char *rest = status ? NULL : e->text; /* what getdelim leaves of an empty file is no text */
    const char *first = status ? NULL : strsep(&rest, "\n");
    char *line = status ? NULL : strsep(&rest, "\n");
    if (!status)
        status = check_head(v, e->path, first, line, err);
    size_t lines = 0;
    for (const char *c = rest; c && *c; c++)
        lines += *c == '\n';
    e->row = calloc(lines + 1, sizeof *e->row);
    e->met = calloc(lines + 1, sizeof *e->met);
    if (!status && (!e->row || !e->met))
        status = error_memory(err, "%s", e->path);
    while (!status && (line = strsep(&rest, "\n")) && *line && e->count <= lines)
        if (!split(line, e->row[e->count++]))
            status = error_set(err, STATUS_INVALID, "%s:%zu: a row has %d cells between tabs",
                               e->path, e->count + 2, (int)COLUMNS);
    return status;
}

/* ---- comparing ---- */

static int side(double value, double of)
{
    return (value > of) - (value < of);
}

/* Whether an effect has the expected size, in the expected interval, and the expected sign and side
 * of what is claimed. */
static bool same_effect(const struct part *part, const struct judgement *j, char *const *row)
{
    if (part->kind != PART_EFFECT || j->verdict == VERDICT_NOT_CHECKED)
        return strcmp(row[EFFECT], "-") == 0;
    const double mean = j->interval.mean, effect = strtod(row[EFFECT], NULL);
    return mean >= strtod(row[LOW], NULL) && mean <= strtod(row[HIGH], NULL) &&
           side(mean, 0) == side(effect, 0) && side(mean, part->least) == side(effect, part->least);
}

static size_t compare_part(const struct outcome *o, int p, struct expected *e, FILE *out)
{
    char cell[COLUMNS][CELL];
    size_t found = 0, changes = 0;
    fill_row(o, p, cell);
    while (found < e->count && (strcmp(e->row[found][ID], cell[ID]) != 0 ||
                                strcmp(e->row[found][PART], cell[PART]) != 0))
        found++;
    if (found == e->count) {
        fprintf(out, "%s: %s, part %s: not in the table\n", e->path, cell[ID], cell[PART]);
        return 1;
    }
    e->met[found] = true;
    for (int c = KIND; c <= VERDICT; c++)
        if (strcmp(e->row[found][c], cell[c]) != 0) {
            fprintf(out, "%s:%zu: %s, part %s: %s is %s, expected %s\n", e->path, found + 3,
                    cell[ID], cell[PART], headings[c], cell[c], e->row[found][c]);
            changes++;
        }
    if (same_effect(&o->claim->parts[p], &o->part[p], e->row[found]))
        return changes;
    fprintf(out, "%s:%zu: %s, part %s: effect is %s, expected %s (%s to %s, on the same side)\n",
            e->path, found + 3, cell[ID], cell[PART], cell[EFFECT], e->row[found][EFFECT],
            e->row[found][LOW], e->row[found][HIGH]);
    return changes + 1;
}

/* Rows of chosen claims that have no part any more. */
static size_t compare_rest(const struct verification *v, const struct expected *e, FILE *out)
{
    size_t changes = 0;
    for (size_t r = 0; r < e->count; r++) {
        bool chosen = v->options->id_count == 0;
        for (size_t i = 0; i < v->count && !chosen; i++)
            chosen = strcmp(v->outcome[i].claim->about.name, e->row[r][ID]) == 0;
        if (!chosen || e->met[r])
            continue;
        fprintf(out, "%s:%zu: %s, part %s: there is no such part\n", e->path, r + 3, e->row[r][ID],
                e->row[r][PART]);
        changes++;
    }
    return changes;
}

enum status expected_compare(const struct verification *v, const char *path, FILE *out,
                             struct error *err)
{
    struct expected e = {.path = path};
    enum status status = expected_read(&e, v, err);
    size_t changes = 0;
    for (size_t i = 0; i < v->count && !status; i++)
        for (int p = 0; p < v->outcome[i].claim->part_count; p++)
            changes += compare_part(&v->outcome[i], p, &e, out);
    if (!status)
        changes += compare_rest(v, &e, out);
    expected_free(&e);
    if (!status && changes > 0)
        status = error_set(err, STATUS_FAILED,
                           "%s: %zu thing%s turned; if that is right, write the table anew with "
                           "--write-expected and commit it with the reason",
                           path, changes, changes == 1 ? "" : "s");
    return status;
}

enum status expected_check(const struct verification *v, const char *path, struct error *err)
{
    struct expected e = {.path = path};
    const enum status status = expected_read(&e, v, err);
    expected_free(&e);
    return status;
}

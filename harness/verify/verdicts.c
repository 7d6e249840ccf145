/* The verdicts of a verification, as a table and as JSON. */
#include "harness/verify/verify.h"

#include <math.h>
#include <string.h>

enum { PAGE_WIDTH = 100, GAP = 2, LEAST_TITLE = 16, CELL = 160 };

void verdicts_kinds(const struct claim *claim, char *text, size_t size)
{
    text[0] = '\0';
    for (int p = 0; p < claim->part_count; p++) {
        const char *name = part_kind_name(claim->parts[p].kind);
        size_t used = strlen(text);
        if (!strstr(text, name))
            snprintf(text + used, size - used, "%s%s", used ? " + " : "", name);
    }
}

void verdicts_count(const struct verification *v, char *text, size_t size)
{
    int count[VERDICT_NOT_CHECKED + 1] = {0};
    for (size_t i = 0; i < v->count; i++)
        count[v->outcome[i].worst->verdict]++;
    snprintf(text, size, "%d hold, %d fail, %d controls did not fail, %d differ, %d not checked",
             count[VERDICT_HOLDS], count[VERDICT_FAILS], count[VERDICT_NO_CONTROL],
             count[VERDICT_DIFFERS], count[VERDICT_NOT_CHECKED]);
}

/* ---- table ---- */

enum column { ID, TITLE, KIND, INSTANCES, ERROR, TOLERANCE, CONTROL, VERDICT, SECONDS, COLUMNS };

static const struct {
    const char *heading;
    bool number; /* aligned to the right */
} columns[COLUMNS] = {
    [ID] = {"id", false},          [TITLE] = {"title", false},
    [KIND] = {"kind", false},      [INSTANCES] = {"instances", true},
    [ERROR] = {"error", true},     [TOLERANCE] = {"tolerance", true},
    [CONTROL] = {"control", true}, [VERDICT] = {"verdict", false},
    [SECONDS] = {"seconds", true},
};

/* Characters of UTF-8. */
static size_t width_of(const char *text)
{
    size_t count = 0;
    for (; *text; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

static void write_number(char *cell, double value)
{
    if (isnan(value))
        snprintf(cell, CELL, "-");
    else
        snprintf(cell, CELL, "%.2g", value);
}

static void write_cells(char cell[COLUMNS][CELL], const struct outcome *o)
{
    snprintf(cell[ID], CELL, "%s", o->claim->about.name);
    snprintf(cell[TITLE], CELL, "%s", o->claim->title);
    verdicts_kinds(o->claim, cell[KIND], CELL);
    snprintf(cell[INSTANCES], CELL, "%d", o->instances);
    write_number(cell[ERROR], o->worst->error);
    write_number(cell[TOLERANCE], o->worst->tolerance);
    write_number(cell[CONTROL], o->worst->control);
    snprintf(cell[VERDICT], CELL, "%s", verdict_name(o->worst->verdict));
    snprintf(cell[SECONDS], CELL, "%.1f", o->seconds);
}

/* Cut a title to `width` characters. */
static void shorten(char *text, size_t width)
{
    if (width_of(text) <= width)
        return;
    char *end = text;
    for (size_t kept = 0; kept + 1 < width; kept++)
        do
            end++;
        while (((unsigned char)*end & 0xc0) == 0x80);
    while (end > text && end[-1] == ' ')
        end--;
    strcpy(end, "…");
}

/* Titles get the width that the other columns leave. */
static void measure_columns(const struct verification *v, size_t *width)
{
    char cell[COLUMNS][CELL];
    size_t others = GAP * (COLUMNS - 1);
    for (int c = 0; c < COLUMNS; c++)
        width[c] = strlen(columns[c].heading);
    for (size_t i = 0; i < v->count; i++) {
        write_cells(cell, &v->outcome[i]);
        for (int c = 0; c < COLUMNS; c++)
            width[c] = width_of(cell[c]) > width[c] ? width_of(cell[c]) : width[c];
    }
    for (int c = 0; c < COLUMNS; c++)
        others += c == TITLE ? 0 : width[c];
    size_t room = PAGE_WIDTH > others + LEAST_TITLE ? PAGE_WIDTH - others : LEAST_TITLE;
    width[TITLE] = width[TITLE] < room ? width[TITLE] : room;
}

/* The headings where `o` is NULL. */
static void print_row(const struct outcome *o, const size_t *width, FILE *out)
{
    char cell[COLUMNS][CELL];
    if (o)
        write_cells(cell, o);
    for (int c = 0; c < COLUMNS; c++) {
        if (!o)
            snprintf(cell[c], CELL, "%s", columns[c].heading);
        if (c == TITLE)
            shorten(cell[c], width[c]);
        int blank = (int)(width[c] - width_of(cell[c]));
        fprintf(out, "%*s%s", columns[c].number ? blank : 0, "", cell[c]);
        fprintf(out, "%*s", (columns[c].number ? 0 : blank) + (c + 1 < COLUMNS ? GAP : 0), "");
    }
    fputc('\n', out);
}

/* The parts of a claim that do not hold: name, verdict, numbers. */
static void print_parts(const struct outcome *o, FILE *out)
{
    for (int p = 0; p < o->claim->part_count; p++) {
        const struct judgement *j = &o->part[p];
        const char *statement = o->claim->parts[p].statement;
        int name = (int)strcspn(statement, ":");
        if (o->left_out[p] || j->verdict == VERDICT_HOLDS)
            continue;
        fprintf(out, "%s, %.*s: %s; ", o->claim->about.name, name, statement,
                verdict_name(j->verdict));
        char error[CELL], tolerance[CELL], control[CELL];
        write_number(error, j->error);
        write_number(tolerance, j->tolerance);
        write_number(control, j->control);
        if (j->verdict == VERDICT_NOT_CHECKED)
            fprintf(out, "%s\n", j->why);
        else
            fprintf(out, "error %s, tolerance %s, control %s\n", error, tolerance, control);
    }
}

void verdicts_print(const struct verification *v, FILE *out)
{
    size_t width[COLUMNS];
    char count[160];
    measure_columns(v, width);
    print_row(NULL, width, out);
    for (size_t i = 0; i < v->count; i++)
        print_row(&v->outcome[i], width, out);
    for (size_t i = 0; i < v->count; i++)
        print_parts(&v->outcome[i], out);
    verdicts_count(v, count, sizeof count);
    fprintf(out, "%s\n", count);
}

/* ---- JSON ---- */

static void json_text(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text; text++)
        if ((unsigned char)*text < 0x20)
            fprintf(out, "\\u%04x", (unsigned)(unsigned char)*text);
        else
            fprintf(out, *text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
    fputc('"', out);
}

static void json_number(FILE *out, const char *key, double value)
{
    fprintf(out, ", \"%s\": ", key);
    if (isfinite(value))
        fprintf(out, "%.17g", value);
    else
        fputs("null", out);
}

static void json_outcome(const struct outcome *o, FILE *out)
{
    char kinds[CELL];
    verdicts_kinds(o->claim, kinds, sizeof kinds);
    fputs("{\"id\": ", out);
    json_text(out, o->claim->about.name);
    fputs(", \"title\": ", out);
    json_text(out, o->claim->title);
    fputs(", \"kind\": ", out);
    json_text(out, kinds);
    fprintf(out, ", \"instances\": %d", o->instances);
    json_number(out, "error", o->worst->error);
    json_number(out, "tolerance", o->worst->tolerance);
    json_number(out, "control", o->worst->control);
    fputs(", \"verdict\": ", out);
    json_text(out, verdict_name(o->worst->verdict));
    fprintf(out, ", \"seconds\": %.6f}", o->seconds);
}

void verdicts_json(FILE *out, const void *verification)
{
    const struct verification *v = verification;
    fputs("[", out);
    for (size_t i = 0; i < v->count; i++) {
        fputs(i ? ",\n " : "\n ", out);
        json_outcome(&v->outcome[i], out);
    }
    fputs("\n]\n", out);
}

/* The verdicts of a verification, as a table and as JSON. */
#include "harness/verify/verify.h"

#include "harness/spec/words.h"

#include <math.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

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
    static const struct {
        enum verdict verdict;
        const char *words;
    } phrases[] = {
        {VERDICT_HOLDS, "measured in full and holding"},
        {VERDICT_NOT_REFUTED, "measured in part and not refuted"},
        {VERDICT_DIFFERS, "differing from what a paper reports for other data"},
        {VERDICT_NO_CONTROL, "with a control that did not fail"},
        {VERDICT_NOT_CHECKED, "not checked"},
    };
    int count[VERDICTS] = {0};
    for (size_t i = 0; i < v->count; i++)
        count[v->outcome[i].verdict]++;
    snprintf(text, size, "%zu claim%s: ", v->count, v->count == 1 ? "" : "s");
    for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++)
        if (count[phrases[i].verdict] > 0)
            append_text(text, size, "%d %s, ", count[phrases[i].verdict], phrases[i].words);
    if (count[VERDICT_FAILS] > 0)
        append_text(text, size, "%d refuted", count[VERDICT_FAILS]);
    else
        append_text(text, size, "none refuted");
}

/* ---- table ---- */

enum column {
    ID,
    TITLE,
    KIND,
    PARTS,
    INSTANCES,
    ERROR,
    TOLERANCE,
    CONTROL,
    VERDICT,
    SECONDS,
    COLUMNS
};

static const struct {
    const char *heading;
    bool number; /* aligned to the right */
} columns[COLUMNS] = {
    [ID] = {"id", false},
    [TITLE] = {"title", false},
    [KIND] = {"kind", false},
    [PARTS] = {"parts", true},
    [INSTANCES] = {"instances", true},
    [ERROR] = {"error", true},
    [TOLERANCE] = {"tolerance", true},
    [CONTROL] = {"control", true},
    [VERDICT] = {"verdict", false},
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
    snprintf(cell[PARTS], CELL, "%d of %d", o->parts_measured, o->claim->part_count);
    snprintf(cell[INSTANCES], CELL, "%d", o->instances);
    write_number(cell[ERROR], o->worst->error);
    write_number(cell[TOLERANCE], o->worst->tolerance);
    write_number(cell[CONTROL], o->worst->control);
    snprintf(cell[VERDICT], CELL, "%s", verdict_name(o->verdict));
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

/* Characters in a line of a terminal; 0 for a file or a pipe, which cuts nothing. */
static size_t page_width(FILE *out)
{
    struct winsize window;
    if (!isatty(fileno(out)))
        return 0;
    return ioctl(fileno(out), TIOCGWINSZ, &window) == 0 && window.ws_col > 0 ? window.ws_col
                                                                             : PAGE_WIDTH;
}

/* On a terminal titles get the width that the other columns leave. */
static void measure_columns(const struct verification *v, size_t page, size_t *width)
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
    size_t room = page > others + LEAST_TITLE ? page - others : LEAST_TITLE;
    width[TITLE] = page == 0 || width[TITLE] < room ? width[TITLE] : room;
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

/* An effect that does not hold, with its interval. */
static void print_effect(const struct part *part, const struct judgement *j, const char *control,
                         FILE *out)
{
    const struct interval *i = &j->interval;
    fprintf(out, "mean %.2g, %.3g%% interval %.2g to %.2g of %zu values, %s %.2g; control %s\n",
            i->mean, 100 * j->level, i->low, i->high, i->count,
            i->high < part->least ? "all of it below the claimed" : "not above the claimed",
            part->least, control);
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
        else if (o->claim->parts[p].kind == PART_EFFECT)
            print_effect(&o->claim->parts[p], j, control, out);
        else
            fprintf(out, "error %s, tolerance %s, control %s\n", error, tolerance, control);
    }
}

void verdicts_print(const struct verification *v, FILE *out)
{
    size_t width[COLUMNS];
    char count[VERDICTS_COUNT];
    measure_columns(v, page_width(out), width);
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
    json_text(out, verdict_name(o->verdict));
    fprintf(out, ", \"parts_measured\": %d, \"parts\": %d", o->parts_measured,
            o->claim->part_count);
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

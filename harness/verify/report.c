/* The report of a verification: Markdown, with the curves of claims that have one.  It holds no
 * times, so that the same seed gives the same bytes. */
#include "harness/verify/verify.h"

#include "core/text.h"
#include "harness/report/gnuplot.h"
#include "store/output.h"
#include "store/store.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CELL = 160 };

/* ---- Markdown ---- */

/* Words, with Markdown's special characters escaped. */
static void words(FILE *out, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        fprintf(out, strchr("\\`*_<>[]|#", text[i]) ? "\\%c" : "%c", text[i]);
}

static void sentence(FILE *out, const char *text)
{
    words(out, text, strlen(text));
}

static void paragraph(FILE *out, const char *text)
{
    sentence(out, text);
    fputs("\n\n", out);
}

/* A formula, which stands as it is; in a table, bars would end the cell. */
static void formula(FILE *out, const char *text, bool in_table)
{
    fputc('`', out);
    for (; *text; text++)
        fprintf(out, in_table && *text == '|' ? "\\%c" : "%c", *text == '`' ? '\'' : *text);
    fputc('`', out);
}

static void numbers(FILE *out, const struct judgement *j)
{
    const double value[] = {j->error, j->tolerance, j->control};
    for (size_t i = 0; i < 3; i++)
        if (isnan(value[i]))
            fputs("– | ", out);
        else
            fprintf(out, "%.3g | ", value[i]);
}

/* An argument of a shell command. */
static void shell_word(FILE *out, const char *text)
{
    const char *plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+=/,:";
    bool quoted = !*text || text[strspn(text, plain)];
    fputs(quoted ? " '" : " ", out);
    for (; *text; text++)
        if (*text == '\'')
            fputs("'\\''", out);
        else
            fputc(*text, out);
    fputs(quoted ? "'" : "", out);
}

/* ---- the top ---- */

static void write_command(FILE *out, const struct verify_options *options)
{
    fputs("    duet verify", out);
    for (size_t i = 0; i < options->id_count; i++)
        shell_word(out, options->ids[i]);
    for (size_t i = 0; i < options->override_count; i++)
        shell_word(out, options->overrides[i]);
    fprintf(out, " --seed %" PRIu64 "%s --report", options->seed, options->quick ? " --quick" : "");
    shell_word(out, options->report);
    fputs("\n\n", out);
}

static const char explanation[] =
    "The row of a claim shows its worst part. The meaning of *error* depends on the kind of the "
    "part:\n"
    "\n"
    "- **Identity** and **Flow**: the largest relative error over all instances, of exact sums and "
    "along the trajectory of a differential equation.\n"
    "- **Bound**: the largest relative violation, 0 where there is none.\n"
    "- **Rate**: by how much a slope in log-log axes falls short of the one that is claimed, 0 "
    "where it does not.\n"
    "- **Statistical**: for an effect, by how much the lower end of the interval of its mean lies "
    "below what is claimed (negative: above); for a test, −log₁₀ of the smallest "
    "p-value, corrected for the number of instances.\n"
    "\n"
    "*control* is the same with one hypothesis removed, where the statement must fail: a bound on "
    "at "
    "least half of the instances (the median is shown), any other on all of them (the smallest is "
    "shown). Of several controls the one that failed least is shown. A part holds only if its "
    "controls fail.\n"
    "\n"
    "A claim *holds* if all of its parts were measured and hold, and is *not refuted* if only some "
    "of them were measured and those hold. An effect that a paper reports for other data *differs* "
    "if it does not show here; any other effect that does not show *fails*. The intervals of the "
    "effects of a claim cover all together in 95% of cases (Bonferroni): Student's t below "
    "6 values, the studentised bootstrap from there on.\n"
    "\n";

static void write_summary(FILE *out, const struct verification *v)
{
    char text[VERDICTS_COUNT];
    fputs("| id | title | kind | parts | instances | error | tolerance | control | verdict |\n"
          "|---|---|---|--:|--:|--:|--:|--:|---|\n",
          out);
    for (size_t i = 0; i < v->count; i++) {
        const struct outcome *o = &v->outcome[i];
        verdicts_kinds(o->claim, text, sizeof text);
        fprintf(out, "| %s | ", o->claim->about.name);
        sentence(out, o->claim->title);
        fprintf(out, " | %s | %d of %d | %d | ", text, o->parts_measured, o->claim->part_count,
                o->instances);
        numbers(out, o->worst);
        fprintf(out, "%s |\n", verdict_name(o->verdict));
    }
    verdicts_count(v, text, sizeof text);
    fprintf(out, "\n%s.\n\n", text);
}

static const char report_start[] = "# Theorems, checked\n\nMade by\n\n";
static const struct output_kind report_kind = {.name = "report", .start = report_start, .mark = ""};

static void write_top(FILE *out, const struct verification *v)
{
    fputs(report_start, out);
    write_command(out, v->options);
    fprintf(out, "with duet %s, seed %" PRIu64 "%s.\n\n", DUET_VERSION, v->options->seed,
            v->options->quick ? ", quick instances only" : "");
    write_summary(out, v);
    fputs(explanation, out);
}

/* ---- one claim ---- */

/* A statement is a name, a colon and a formula; or words alone. */
static void write_statement(FILE *out, const char *statement, bool in_table)
{
    const char *colon = strstr(statement, ": ");
    words(out, statement, colon ? (size_t)(colon - statement) : strlen(statement));
    if (colon) {
        fputs(": ", out);
        formula(out, colon + 2, in_table);
    }
}

static void write_interval(FILE *out, const char *what, double level,
                           const struct interval *interval)
{
    fprintf(out, "%s: mean %.3g, %.3g%% interval %.3g to %.3g of %zu values", what, interval->mean,
            100 * level, interval->low, interval->high, interval->count);
}

/* Numbers that only parts of this kind have. */
static void write_details(FILE *out, const struct part *part, const struct judgement *j)
{
    if (j->verdict == VERDICT_NOT_CHECKED) {
        sentence(out, j->why);
    } else if (part->kind == PART_BOUND) {
        fprintf(out, "slack: median %.3g, smallest %.3g", j->median, j->least);
    } else if (part->kind == PART_RATE) {
        fprintf(out, "slope: median %.3g, least %.3g ± %.2g; claimed: %.3g or more", j->median,
                j->least, j->uncertainty, part->least);
    } else if (part->kind == PART_EFFECT) {
        write_interval(out, "effect", j->level, &j->interval);
        fprintf(out, ", claimed above %.3g", part->least);
        if (j->interval.high < part->least)
            fputs(", all of it below", out);
        if (part->controls[0])
            write_interval(out, "; control", j->level, &j->control_interval);
    }
}

/* `j` is NULL for a part that was left out. */
static void write_part_row(FILE *out, const struct part *part, const struct judgement *j)
{
    fputs("| ", out);
    write_statement(out, part->statement, true);
    fprintf(out, " | %s | %d | ", part_kind_name(part->kind), j ? j->instances : 0);
    if (!j) {
        fputs("– | – | – | left out | no quick measurement |\n", out);
        return;
    }
    numbers(out, j);
    fprintf(out, "%s | ", verdict_name(j->verdict));
    write_details(out, part, j);
    fputs(" |\n", out);
}

static void write_parts(FILE *out, const struct outcome *o)
{
    fputs("| statement | kind | instances | error | tolerance | control | verdict | |\n"
          "|---|---|--:|--:|--:|--:|---|---|\n",
          out);
    for (int p = 0; p < o->claim->part_count; p++)
        write_part_row(out, &o->claim->parts[p], o->left_out[p] ? NULL : &o->part[p]);
    fputc('\n', out);
}

static void write_method(FILE *out, const struct part *part, bool alone)
{
    if (!alone) {
        fputs("*", out);
        words(out, part->statement, strcspn(part->statement, ":"));
        fputs(".* ", out);
    }
    paragraph(out, part->measured ? part->measured : "");
    if (part->controls[0])
        fputs("Controls, where it must fail:\n\n", out);
    for (int c = 0; c < CLAIM_CONTROLS && part->controls[c]; c++) {
        fputs("- ", out);
        sentence(out, part->controls[c]);
        if (part->apart[c]) {
            fputs(" (not the same way with the hypothesis restored: ", out);
            sentence(out, part->apart[c]);
            fputc(')', out);
        }
        fputc('\n', out);
    }
    fputs(part->controls[0] ? "\n" : "", out);
}

/* "NAME/": the folder of the curves of docs/NAME.md, relative to it. */
static void write_link(FILE *out, const char *report, const char *id, const char *extension)
{
    const char *slash = strrchr(report, '/');
    const char *name = slash ? slash + 1 : report;
    bool odd = name[strcspn(name, " ()<>")];
    fprintf(out, "(%s%.*s/%s.%s%s)", odd ? "<" : "", (int)strlen(name) - 3, name, id, extension,
            odd ? ">" : "");
}

static void write_curve(FILE *out, const struct outcome *o, const char *report)
{
    const char *id = o->claim->about.name;
    if (o->undrawn) {
        fputs("No curve: ", out);
        paragraph(out, o->undrawn);
    }
    if (o->curves.rows == 0)
        return;
    fputs("![", out);
    sentence(out, o->curves.title ? o->curves.title : o->claim->title);
    fputs("]", out);
    write_link(out, report, id, "png");
    fputs("\n\n", out);
    if (o->curves.caption) {
        sentence(out, o->curves.caption);
        fputs(" ", out);
    }
    fputs("[Numbers]", out);
    write_link(out, report, id, "tsv");
    fputs("\n\n", out);
}

static void write_field(FILE *out, const char *name, const char *text)
{
    if (!text)
        return;
    fprintf(out, "**%s:** ", name);
    paragraph(out, text);
}

static void write_claim(FILE *out, const struct outcome *o, const char *report)
{
    const struct claim *claim = o->claim;
    fprintf(out, "## %s: ", claim->about.name);
    paragraph(out, claim->title);
    paragraph(out, claim->about.doc);
    if (claim->formula) {
        formula(out, claim->formula, false);
        fputs("\n\n", out);
    }
    write_field(out, "Source", claim->about.source);
    write_field(out, "Hypotheses", claim->hypotheses);
    write_parts(out, o);
    for (int p = 0; p < claim->part_count; p++)
        write_method(out, &claim->parts[p], claim->part_count == 1);
    write_curve(out, o, report);
}

/* ---- curves ---- */

static void write_table(FILE *out, const struct curves *curves)
{
    for (int c = 0; c < curves->columns; c++)
        fprintf(out, "%s%s", c ? "\t" : "", curves->name[c] ? curves->name[c] : "");
    fputc('\n', out);
    for (size_t r = 0; r < curves->rows; r++)
        for (int c = 0; c < curves->columns; c++) {
            double value = curves->value[r * (size_t)curves->columns + (size_t)c];
            if (isnan(value))
                fputs("NaN", out);
            else
                fprintf(out, "%.17g", value);
            fputc(c + 1 < curves->columns ? '\t' : '\n', out);
        }
}

/* Set the variables that plots/claim.gp reads beside the table. */
static void describe_curves(const struct curves *curves)
{
    char columns[16];
    snprintf(columns, sizeof columns, "%d", curves->columns);
    setenv("DUET_COLUMNS", columns, 1);
    setenv("DUET_TITLE", curves->title ? curves->title : "", 1);
    setenv("DUET_X_LABEL", curves->x_label ? curves->x_label : "", 1);
    setenv("DUET_Y_LABEL", curves->y_label ? curves->y_label : "", 1);
    setenv("DUET_LOG_X", curves->log_x ? "1" : "0", 1);
    setenv("DUET_LOG_Y", curves->log_y ? "1" : "0", 1);
}

/* FOLDER/ID.png or .tsv, where the report is FOLDER.md. */
static void claim_file(const char *report, const struct outcome *o, const char *ending,
                       char path[RUN_PATH])
{
    snprintf(path, RUN_PATH, "%.*s/%s.%s", (int)strlen(report) - 3, report, o->claim->about.name,
             ending);
}

/* Write the table and the picture of a claim. */
static enum status draw_claim(const struct outcome *o, const char *report, struct error *err)
{
    char table[RUN_PATH], image[RUN_PATH], *text = NULL;
    size_t size = 0;
    claim_file(report, o, "tsv", table);
    claim_file(report, o, "png", image);
    FILE *out = open_memstream(&text, &size);
    if (out)
        write_table(out, &o->curves);
    enum status status = close_text(out, table, err);
    if (!status)
        status = output_table(table, text, size, err);
    free(text);
    if (status)
        return status;
    describe_curves(&o->curves);
    return gnuplot_draw("plots/claim.gp", table, image, "png", err);
}

static enum status draw_claims(const struct verification *v, const char *path, struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; !status && i < v->count; i++)
        if (v->outcome[i].curves.rows > 0)
            status = draw_claim(&v->outcome[i], path, err);
    return status;
}

enum status report_check(const struct verification *v, const char *path, struct error *err)
{
    enum status status = output_check(path, &report_kind, err);
    bool drawn = false;
    for (size_t i = 0; !status && i < v->count; i++) {
        char image[RUN_PATH];
        if (!v->outcome[i].claim->draw)
            continue;
        drawn = true;
        claim_file(path, &v->outcome[i], "png", image);
        if (access(image, F_OK) == 0)
            status = output_check(image, &output_png, err);
    }
    return !status && drawn ? gnuplot_check(err) : status;
}

enum status report_write(const struct verification *v, const char *path, struct error *err)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (out)
        write_top(out, v);
    for (size_t i = 0; out && i < v->count; i++)
        write_claim(out, &v->outcome[i], path);
    enum status status = close_text(out, path, err);
    if (!status)
        status = output_write(path, &report_kind, text, size - (size > 0 && text[size - 1] == '\n'),
                              err);
    if (!status)
        status = draw_claims(v, path, err);
    free(text);
    return status;
}

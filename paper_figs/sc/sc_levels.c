/* sc_levels: the levels of the tree that each objective learns. */
#include "analysis/statistics.h"
#include "core/extreme.h"
#include "core/random.h"
#include "harness/report/gnuplot.h"
#include "harness/spec/grid.h"
#include "hltm/tree.h"
#include "paper_figs/figures.h"
#include "paper_figs/kit/run_list.h"
#include "sim/loss/moments.h"
#include "sim/loss/objective.h"
#include "sim/registry.h"
#include "store/tsv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct settings {
    int64_t seeds, epochs, samples;
};

static const struct param params[] = {
    INTEGER_SETTING(
        seeds, "10", 2, 1000,
        "runs of each objective, with seeds 1, 2, ... of the tree, the weights and the samples"),
    INTEGER_SETTING(epochs, "4", 1, 10000, "epochs of training"),
    INTEGER_SETTING(samples, "32000", 1000, 1e9, "samples per epoch"),
    {0},
};

/* ---- objectives ---- */

/* In the order of the figure. */
enum kind { CONTRASTIVE, LOCAL, MOMENTS, SUPERVISED, NONCONTRASTIVE, KINDS };

static const char *const kind_names[KINDS] = {"contrastive", "local", "moments", "supervised",
                                              "noncontrastive"};

static enum kind kind_of(const struct objective *objective, const void *settings)
{
    const struct needs needs = objective_needs(objective, settings);
    if (needs.target != TARGET_NONE)
        return NONCONTRASTIVE;
    if (needs_labels(&needs))
        return SUPERVISED;
    if (objective->form == &form_moments)
        return MOMENTS;
    return needs.cut.size > 0 ? LOCAL : CONTRASTIVE;
}

enum { OVERRIDES = 16, OWN_OVERRIDES = 3, TEXT = 64 };

/* A row of the figure: an objective with its settings. */
struct row {
    const char *name;
    const char *override[OVERRIDES];
    size_t overrides;
    char text[TEXT]; /* the override for an objective without a line in the spec */
    enum kind kind;
    int64_t label_level, label_node; /* of a supervised one */
};

struct rows {
    char path[RUN_PATH]; /* of the spec */
    struct spec spec;
    struct grid grid;
    struct row *row; /* [count], by kind */
    size_t count;
};

/* Read a row from the spec; returns the place of its objective in the registry. */
static enum status look_up(const struct rows *rows, struct row *row, size_t *objective,
                           struct error *err)
{
    struct spec spec;
    enum status status = spec_load(&spec, rows->path, row->override, row->overrides, err);
    if (status)
        return status;
    const struct tree_settings *tree = spec.settings[SECTION_DATA];
    const struct descriptor *chosen = spec.chosen[SECTION_OBJECTIVE];
    row->kind = kind_of((const struct objective *)chosen, spec.settings[SECTION_OBJECTIVE]);
    row->label_level = tree->label_level;
    row->label_node = tree->label_node;
    for (*objective = 0; objective_registry.entries[*objective] != chosen;)
        ++*objective;
    spec_free(&spec);
    return STATUS_OK;
}

/* One row per line of the spec, and one per objective without a line. */
static enum status add_rows(struct rows *rows, bool *met, struct error *err)
{
    size_t objective;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < rows->grid.points && !status; i++) {
        struct row *row = &rows->row[rows->count++];
        row->name = grid_label(&rows->grid, i, 0);
        row->overrides = grid_overrides(&rows->grid, i, row->override);
        status = look_up(rows, row, &objective, err);
        if (!status)
            met[objective] = true;
    }
    for (size_t i = 0; i < objective_registry.count && !status; i++) {
        if (met[i])
            continue;
        struct row *row = &rows->row[rows->count++];
        row->name = objective_registry.entries[i]->name;
        snprintf(row->text, sizeof row->text, "objective.name=%s", row->name);
        row->override[row->overrides++] = row->text;
        status = look_up(rows, row, &objective, err);
    }
    return status;
}

/* Put rows of one kind together, otherwise keep their order. */
static void sort_rows(struct rows *rows, struct row *sorted)
{
    size_t count = 0;
    for (int kind = 0; kind < KINDS; kind++)
        for (size_t i = 0; i < rows->count; i++)
            if ((int)rows->row[i].kind == kind)
                sorted[count++] = rows->row[i];
    memcpy(rows->row, sorted, count * sizeof *sorted);
    for (size_t i = 0; i < count; i++)
        if (*rows->row[i].text) /* which has moved */
            rows->row[i].override[0] = rows->row[i].text;
}

static enum status open_rows(struct rows *rows, const char *spec, struct error *err)
{
    *rows = (struct rows){.count = 0};
    enum status status = find_shared_file(spec, rows->path, err);
    if (!status)
        status = spec_load(&rows->spec, rows->path, NULL, 0, err);
    if (!status)
        status = grid_make(&rows->grid, &rows->spec, NULL, 0, NULL, 0, err);
    if (!status && (rows->grid.axes != 1 || rows->grid.most > OVERRIDES - OWN_OVERRIDES))
        status = error_set(err, STATUS_INVALID,
                           "%s: its sweep must be one list of cases with at most %d keys each",
                           rows->path, OVERRIDES - OWN_OVERRIDES);
    if (status)
        return status;
    const size_t most = rows->grid.points + objective_registry.count;
    bool *met = calloc(objective_registry.count, sizeof *met);
    struct row *sorted = calloc(most, sizeof *sorted);
    rows->row = calloc(most, sizeof *rows->row);
    status = met && sorted && rows->row ? add_rows(rows, met, err) : error_memory(err, "runs");
    if (!status)
        sort_rows(rows, sorted);
    free(sorted);
    free(met);
    return status;
}

static void close_rows(struct rows *rows)
{
    free(rows->row);
    grid_free(&rows->grid);
    spec_free(&rows->spec);
}

/* ---- runs ---- */

/* The stored quantities of every run, [row][seed][level]. */
enum value { BEFORE, AFTER, CEILING, GAIN, ROOM, VALUES };

static const char *const value_names[VALUES][2] = {
    [BEFORE] = {"before", "best |correlation| before training, mean over the nodes of a level"},
    [AFTER] = {"after", "best |correlation| after training, mean over the nodes of a level"},
    [CEILING] = {"ceiling", "largest |correlation| that a function of the leaves can have"},
    [GAIN] = {"gain", "after training minus before"},
    [ROOM] = {"room", "ceiling minus after training"},
};

struct levels {
    struct rows rows;
    size_t seeds, levels, runs; /* runs: rows times seeds */
    struct run_list list;       /* [row][seed] */
    double *value[VALUES];
    /* [row][seed] gain of the labelled node minus the mean of its level; NAN: none */
    double *labelled;
    struct sheet sheet;
};

static void plan_run(struct levels *f, size_t i, const struct settings *settings)
{
    const struct row *row = &f->rows.row[i / f->seeds];
    memcpy(f->list.run[i].overrides, row->override, sizeof row->override);
    run_list_set(&f->list, i, "seed=%zu", i % f->seeds + 1);
    run_list_set(&f->list, i, "train.epochs=%lld", (long long)settings->epochs);
    run_list_set(&f->list, i, "train.samples=%lld", (long long)settings->samples);
}

static enum status open_levels(struct levels *f, const struct figure_job *job, struct store *store,
                               struct error *err)
{
    const struct settings *settings = job->settings;
    *f = (struct levels){.seeds = (size_t)settings->seeds, .sheet = {.store = store, .err = err}};
    struct sheet *sheet = &f->sheet;
    sheet->status = open_rows(&f->rows, job->spec, err);
    if (sheet->status)
        return sheet->status;
    const struct tree_settings *tree = f->rows.spec.settings[SECTION_DATA];
    f->levels = (size_t)tree->depth;
    f->runs = f->rows.count * f->seeds;
    f->labelled = sheet_numbers(sheet, f->runs);
    for (int v = 0; v < VALUES; v++)
        f->value[v] = sheet_numbers(sheet, f->runs * f->levels);
    if (!sheet->status)
        sheet->status = run_list_open(&f->list, f->runs, err);
    for (size_t i = 0; i < f->runs && !sheet->status; i++)
        plan_run(f, i, settings);
    return sheet->status;
}

static enum status close_levels(struct levels *f)
{
    run_list_free(&f->list);
    close_rows(&f->rows);
    return sheet_close(&f->sheet);
}

/* ---- from runs to values ---- */

static double mean_of(const double *value, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += value[i];
    return sum / (double)count;
}

/* Largest |correlation| of a node's neurons, from [point][node][neuron]. */
static double best_of(const struct store_array *a, size_t point, size_t node)
{
    const size_t neurons = a->shape[2];
    const double *value = a->values + (point * a->shape[1] + node) * neurons;
    double best = 0;
    for (size_t k = 0; k < neurons; k++)
        best = larger(best, fabs(value[k]));
    return best;
}

/* Gain of a node minus the mean gain of its level; NAN if it is the only node. */
static double gain_beyond_level(struct reader *r, int64_t level, int64_t node)
{
    const struct store_array a =
        reader_get(r, 0, 0, "/series/correlation/level_%lld", (long long)level);
    if (!a.values || a.shape[1] == 1)
        return NAN;
    const size_t last = a.shape[0] - 1, nodes = a.shape[1];
    double own = 0, all = 0;
    for (size_t i = 0; i < nodes; i++) {
        const double gain = best_of(&a, last, i) - best_of(&a, 0, i);
        own = i == (size_t)node ? gain : own;
        all += gain / (double)nodes;
    }
    return own - all;
}

static void read_run(struct levels *f, size_t i)
{
    const struct row *row = &f->rows.row[i / f->seeds];
    const char *path = f->list.run[i].path;
    struct store_file *file = NULL;
    struct reader r = {.status = store_open(&file, path, f->sheet.err), .err = f->sheet.err};
    char *ended = NULL;
    r.file = file;
    if (!r.status)
        r.status = store_get_text(file, "status", &ended, r.err);
    if (!r.status && strcmp(ended, "complete") != 0)
        r.status = error_set(r.err, STATUS_INVALID,
                             "%s: the run of %s has diverged; its line in %s needs other settings",
                             path, row->name, f->rows.path);
    free(ended);
    const struct store_array best = reader_get(&r, 0, f->levels, "/series/best_correlation");
    for (size_t l = 0; l < f->levels && !r.status; l++) {
        const struct store_array ceiling = reader_get(&r, 0, 1, "/ceiling/level_%zu", l);
        const size_t at = i * f->levels + l;
        if (r.status)
            break;
        f->value[BEFORE][at] = best.values[l];
        f->value[AFTER][at] = best.values[best.count - f->levels + l];
        f->value[CEILING][at] = mean_of(ceiling.values, ceiling.count);
        f->value[GAIN][at] = f->value[AFTER][at] - f->value[BEFORE][at];
        f->value[ROOM][at] = f->value[CEILING][at] - f->value[AFTER][at];
    }
    f->labelled[i] =
        row->kind == SUPERVISED ? gain_beyond_level(&r, row->label_level, row->label_node) : NAN;
    f->sheet.status = reader_close(&r);
    store_close(file);
}

/* ---- storing ---- */

enum { ENDS = 3 };

static void put_axes(struct levels *f)
{
    static const double end[ENDS] = {-1, 0, 1};
    struct sheet *sheet = &f->sheet;
    const char **names = sheet_room(sheet, f->rows.count, sizeof *names);
    const char **kinds = sheet_room(sheet, f->rows.count, sizeof *kinds);
    for (size_t i = 0; i < f->rows.count && !sheet->status; i++) {
        names[i] = f->rows.row[i].name;
        kinds[i] = kind_names[f->rows.row[i].kind];
    }
    sheet_words(sheet, "objectives", names, f->rows.count);
    sheet_words(sheet, "kinds", kinds, f->rows.count);
    sheet_axis(sheet, "objective", f->rows.count, NULL, "objective, in the order of the attribute",
               "1");
    sheet_seeds(sheet, f->seeds, "seed of the run");
    sheet_axis(sheet, "level", f->levels, NULL, "level of the tree, 0 is the root", "1");
    sheet_axis(sheet, "end", ENDS, end, "low end, mean, high end of the 95% interval", "1");
}

/* Mean of the runs with its interval; all use the same resamples, so that equal runs have equal
 * intervals. */
static enum status find_interval(const double *runs, size_t count, struct interval *interval,
                                 struct error *err)
{
    gsl_rng *rng = stream_rng_alloc(1, PURPOSE_CLAIM, 0, 0);
    if (!rng)
        return error_memory(err, "runs");
    *interval = mean_interval(runs, count, 0.95, rng);
    gsl_rng_free(rng);
    return STATUS_OK;
}

/* Put a group with `columns` values of all runs, [row][seed][column], and their means and
 * intervals, [row][column][end]; the columns are the levels, or one. */
static void put_value(struct levels *f, const char *name, const char *long_name,
                      const double *value, size_t columns)
{
    struct sheet *sheet = &f->sheet;
    double *ends = sheet_numbers(sheet, f->rows.count * columns * ENDS);
    double *runs = sheet_numbers(sheet, f->seeds);
    for (size_t i = 0; i < f->rows.count * columns && !sheet->status; i++) {
        struct interval b = {0};
        for (size_t s = 0; s < f->seeds; s++)
            runs[s] = value[((i / columns) * f->seeds + s) * columns + i % columns];
        sheet->status = find_interval(runs, f->seeds, &b, sheet->err);
        memcpy(ends + ENDS * i, (double[]){b.low, b.mean, b.high}, ENDS * sizeof *ends);
    }
    sheet_group(sheet, name);
    sheet_put(sheet, "runs", columns > 1 ? "objective seed level" : "objective seed", value,
              long_name, "1");
    sheet_put(sheet, "interval", columns > 1 ? "objective level end" : "objective end", ends,
              long_name, "1");
}

static enum status compute(const struct figure_job *job, struct store *store, struct error *err)
{
    struct levels f;
    if (!open_levels(&f, job, store, err))
        f.sheet.status = figure_runs(job, f.list.run, f.runs, err);
    for (size_t i = 0; i < f.runs && !f.sheet.status; i++)
        read_run(&f, i);
    put_axes(&f);
    for (int v = 0; v < VALUES; v++)
        put_value(&f, value_names[v][0], value_names[v][1], f.value[v], f.levels);
    put_value(&f, "labelled", "gain of the labelled node minus the mean gain of its level",
              f.labelled, 1);
    return close_levels(&f);
}

/* ---- the figure's file ---- */

struct levels_table {
    struct reader reader;
    char *objectives, *kinds;
    size_t rows, levels;
    const double *interval[VALUES]; /* [row][level][end] */
    const double *labelled;         /* [row][end] */
    struct store_array after;       /* [row][seed][level] */
};

static enum status open_table(struct levels_table *t, const struct store_file *file,
                              struct error *err)
{
    *t = (struct levels_table){.reader = {.file = file, .err = err}};
    struct reader *r = &t->reader;
    r->status = store_get_text(file, "objectives", &t->objectives, err);
    if (!r->status)
        r->status = store_get_text(file, "kinds", &t->kinds, err);
    t->rows = reader_get(r, 0, 0, "/objective").count;
    t->levels = reader_get(r, 0, 0, "/level").count;
    for (int v = 0; v < VALUES; v++)
        t->interval[v] =
            reader_get(r, t->rows, t->levels * ENDS, "/%s/interval", value_names[v][0]).values;
    t->after = reader_get(r, t->rows, 0, "/%s/runs", value_names[AFTER][0]);
    t->labelled = reader_get(r, t->rows, ENDS, "/labelled/interval").values;
    return r->status;
}

static enum status close_table(struct levels_table *t)
{
    free(t->objectives);
    free(t->kinds);
    return reader_close(&t->reader);
}

static const double *interval_of(const struct levels_table *t, enum value value, size_t row,
                                 size_t level)
{
    return t->interval[value] + (row * t->levels + level) * ENDS;
}

/* The row with this name; if there is none, the first row and an error. */
static size_t row_of(struct levels_table *t, const char *name)
{
    const size_t row = word_place(t->objectives, name);
    if (row < t->rows)
        return row;
    if (!t->reader.status)
        t->reader.status = error_set(t->reader.err, STATUS_INVALID, "no objective %s", name);
    return 0;
}

/* The difference between two rows at a level after training, paired by run. */
static struct interval difference_of(struct levels_table *t, size_t row, size_t base, size_t level)
{
    struct interval difference = {.mean = NAN, .low = NAN, .high = NAN};
    const size_t seeds = t->after.shape[1];
    double *runs = calloc(seeds + 1, sizeof *runs);
    for (size_t s = 0; runs && s < seeds; s++)
        runs[s] = t->after.values[(row * seeds + s) * t->levels + level] -
                  t->after.values[(base * seeds + s) * t->levels + level];
    if (runs && !t->reader.status)
        t->reader.status = find_interval(runs, seeds, &difference, t->reader.err);
    free(runs);
    return difference;
}

static struct interval beyond(struct levels_table *t, const char *name, const char *other,
                              size_t level)
{
    return difference_of(t, row_of(t, name), row_of(t, other), level);
}

static void write_interval(FILE *out, double mean, double low, double high)
{
    const double cell[] = {mean, low, high};
    for (size_t k = 0; k < sizeof cell / sizeof *cell; k++) {
        putc('\t', out);
        tsv_number(out, cell[k]);
    }
}

/* Objectives from which the differences of all others are written. */
static const char *const bases[] = {"ntxent", "infonce", "supcon_out"};

enum { BASES = sizeof bases / sizeof *bases };

static void write_header(FILE *out, const enum value *columns, size_t count)
{
    fprintf(out, "kind\tobjective\tlevel\tbefore\tceiling");
    for (size_t k = 0; k < count; k++)
        fprintf(out, "\t%s\t%s_low\t%s_high", value_names[columns[k]][0],
                value_names[columns[k]][0], value_names[columns[k]][0]);
    for (size_t k = 0; k < BASES; k++)
        fprintf(out, "\tabove_%s\tabove_%s_low\tabove_%s_high", bases[k], bases[k], bases[k]);
    fprintf(out, "\tlabelled\tlabelled_low\tlabelled_high");
}

static enum status write_data(const struct store_file *file, FILE *out, struct error *err)
{
    static const enum value columns[] = {AFTER, GAIN, ROOM};
    struct levels_table t;
    enum status status = open_table(&t, file, err);
    write_header(out, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < t.rows * t.levels && !status; i++) {
        const size_t row = i / t.levels, level = i % t.levels;
        int kind_length, length;
        const char *kind = word_at(t.kinds, row, &kind_length);
        const char *name = word_at(t.objectives, row, &length);
        fprintf(out, "\n%.*s\t%.*s\t%zu\t%.17g\t%.17g", kind_length, kind, length, name, level,
                interval_of(&t, BEFORE, row, level)[1], interval_of(&t, CEILING, row, level)[1]);
        for (size_t k = 0; k < sizeof columns / sizeof *columns; k++) {
            const double *ends = interval_of(&t, columns[k], row, level);
            write_interval(out, ends[1], ends[0], ends[2]);
        }
        for (size_t k = 0; k < BASES; k++) {
            const struct interval d = difference_of(&t, row, row_of(&t, bases[k]), level);
            write_interval(out, d.mean, d.low, d.high);
        }
        const double *labelled = t.labelled + row * ENDS;
        write_interval(out, labelled[1], labelled[0], labelled[2]);
    }
    fprintf(out, "\n");
    return close_table(&t);
}

/* ---- checks ---- */

enum { SHARED = 3 }; /* the spec's views keep levels 0 ... 2 */

static bool has_negatives(const struct levels_table *t, size_t row)
{
    int length;
    return strncmp(word_at(t->kinds, row, &length), "noncontrastive", 14) != 0;
}

static void check_negatives(const struct levels_table *t, struct sights *sights)
{
    double least = INFINITY, low = INFINITY;
    for (size_t i = 0; i < t->rows; i++)
        for (size_t l = 0; l < SHARED && has_negatives(t, i); l++) {
            low = smaller(low, interval_of(t, GAIN, i, l)[0]);
            least = smaller(least, interval_of(t, GAIN, i, l)[1]);
        }
    sight(sights, low > 0,
          "all objectives with negatives or labels rise at the levels that views keep, by %.3f or "
          "more (intervals from %.3f on)",
          least, low);
}

static void check_ceiling(const struct levels_table *t, struct sights *sights)
{
    double room = INFINITY, moved = 0;
    for (size_t i = 0; i < t->rows; i++) {
        for (size_t l = 0; l < t->levels; l++)
            room = smaller(room, interval_of(t, ROOM, i, l)[1]);
        moved = larger(moved, fabs(interval_of(t, GAIN, i, t->levels - 1)[1]));
    }
    sight(sights, room > 0, "all stay below the ceiling, by %.3f or more", room);
    sight(sights, moved < 0.01, "the level above the leaves stays where it was (within %.4f)",
          moved);
}

static void check_above(struct levels_table *t, const char *name, const char *other, size_t level,
                        const char *why, struct sights *sights)
{
    const struct interval d = beyond(t, name, other, level);
    sight(sights, d.low > 0, "%s: %s ends above %s at level %zu, by %.3f (%.3f to %.3f)", why, name,
          other, level, d.mean, d.low, d.high);
}

static void check_constant(struct levels_table *t, struct sights *sights)
{
    double most = 0;
    for (size_t l = 0; l < t->levels; l++)
        most = larger(most, fabs(beyond(t, "suncet", "supcon_in", l).mean));
    sight(sights, most < 1e-3,
          "suncet and supcon_in, which differ by a constant (SC-3), learn the same (%.1g)", most);
}

static enum status check(const struct store_file *file, struct sights *sights, struct error *err)
{
    struct levels_table t;
    if (!open_table(&t, file, err)) {
        check_negatives(&t, sights);
        check_ceiling(&t, sights);
        check_above(&t, "supcon_out", "supcon_out_label_2", 0, "a label from the root", sights);
        check_above(&t, "byol", "no_stopgrad", 0, "no gradient to the target", sights);
        check_above(&t, "ntxent", "reference_nce", 0, "a logarithm", sights);
        check_above(&t, "infonce", "byol", 2, "negatives", sights);
        check_constant(&t, sights);
    }
    return close_table(&t);
}

const struct figure figure_sc_levels = {
    .about = {.name = "sc_levels",
              .doc =
                  "Learning of each level of the tree by each objective: largest |correlation| of "
                  "a node's neurons with its latent, mean over the nodes of a level, after "
                  "training; mean and 95% interval over seeds. Lines: the networks "
                  "before training, the same for all objectives, and the ceiling that no "
                  "function of the leaves can exceed, means over the same seeds, each with a "
                  "tree of its own. Views keep levels 0 to 2. The label is the root; in "
                  "_label_1 and _label_2 it is the first node of level 1 and 2. Learning rates "
                  "were chosen for each objective on other seeds (paper_figs/sc/sc_levels.yaml). "
                  "All objectives with negatives or labels except the published code's nce "
                  "learn every level above the last one, nearly equally well. Objectives "
                  "without negatives come close at the upper two levels and stay behind below; "
                  "without the stopped gradient the root is lost. A label from a lower level "
                  "costs correlation at the root.",
              .source = "[SC], [DDN], [NCP]: their objectives; [DDN] Sec. 6: the measured quantity",
              .params = params,
              .settings_size = sizeof(struct settings)},
    .quick = (const char *const[]){"seeds=24", "epochs=1", "samples=32000", NULL},
    .spec = "paper_figs/sc/sc_levels.yaml",
    .compute = compute,
    .script = "paper_figs/sc/sc_levels.gp",
    .write_data = write_data,
    .check = check,
};

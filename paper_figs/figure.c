#include "paper_figs/figure.h"
#include "core/linalg.h"
#include "core/processors.h"
#include "core/text.h"
#include "harness/report/picture.h"

#include "harness/report/gnuplot.h"
#include "harness/run/run.h"
#include "harness/spec/params.h"
#include "harness/spec/spec.h"
#include "harness/spec/words.h"
#include "paper_figs/figure_table.h"
#include "store/output.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A figure at work. */
struct making {
    const struct figure *figure;
    const struct figure_options *options;
    const char *overrides[RUN_MAX_OVERRIDES]; /* overrides of the small version first */
    size_t override_count;
    char file[RUN_PATH]; /* the result */
    char base[RUN_PATH]; /* of the figure's files, without extension */
    const char *format;  /* of the one picture that was asked for; NULL: all files */
    bool same_caption;   /* the caption in the folder is up to date */
    struct error *err;
};

static enum status too_long(struct error *err, const char *folder)
{
    return error_set(err, STATUS_INVALID, "%s: the name of the folder is too long", folder);
}

/* ---- the result file: a spec ---- */

static enum status run_figure_spec(struct making *m)
{
    char spec[RUN_PATH];
    struct run_options run = {.spec = spec,
                              .results = m->options->results,
                              .threads = m->options->threads,
                              .quiet = m->options->quiet,
                              .summary = m->options->summary,
                              .keep = !m->options->again,
                              .again = m->options->again};
    memcpy(run.overrides, m->overrides, m->override_count * sizeof *run.overrides);
    run.override_count = m->override_count;
    enum status status = find_shared_file(m->figure->spec, spec, m->err);
    return status ? status : run_spec(&run, m->file, m->err);
}

/* ---- the result file: computed ---- */

static enum status check_override(const struct descriptor *about, const char *override,
                                  struct error *err)
{
    const char *names[32];
    char key[64];
    size_t count = 0, length = strcspn(override, "=");
    if (!override[length])
        return error_set(err, STATUS_INVALID, "command line: %s: no value; write KEY=VALUE",
                         override);
    for (const struct param *p = about->params; p && p->name && count < 32; p++) {
        if (strlen(p->name) == length && strncmp(p->name, override, length) == 0)
            return STATUS_OK;
        names[count++] = p->name;
    }
    snprintf(key, sizeof key, "%.*s", (int)length, override);
    const char *near = nearest_word(key, names, count);
    return error_set(err, STATUS_INVALID,
                     "command line: %s: the figure %s has no key '%s'; %s%s%s`duet list figures` "
                     "shows all",
                     override, about->name, key, near ? "did you mean '" : "", near ? near : "",
                     near ? "'? " : "");
}

static enum status put_attributes(struct store *store, const struct figure *figure,
                                  const char *settings, const char *hash, struct error *err)
{
    const char *const text[][2] = {{"duet_version", DUET_VERSION},
                                   {"commit", DUET_COMMIT},
                                   {"figure", figure->about.name},
                                   {"spec", settings},
                                   {"spec_hash", hash},
                                   {"status", "complete"}};
    enum status status = STATUS_OK;
    for (size_t i = 0; i < sizeof text / sizeof *text && !status; i++)
        status = store_put_text(store, text[i][0], text[i][1], err);
    return status;
}

/* Compute into m->file, for the settings in the text. */
static enum status compute(struct making *m, const void *settings, const char *text,
                           const char *hash)
{
    const int threads = m->options->threads;
    const struct figure_job job = {.settings = settings,
                                   .spec = m->figure->spec,
                                   .results = m->options->results,
                                   .threads = threads ? threads : processors_threads(),
                                   .quiet = m->options->quiet};
    struct store *store = NULL;
    enum status status = output_check(m->file, &output_result, m->err);
    if (!status)
        status = linalg_reserve(job.threads, m->err);
    if (!status)
        status = store_create(&store, m->err);
    if (!status)
        status = put_attributes(store, m->figure, text, hash, m->err);
    if (!status)
        status = m->figure->compute(&job, store, m->err);
    if (!status)
        status = store_commit(store, m->file, m->err);
    store_free(store);
    return status;
}

/* The settings of the figure and the spec of its runs, as one text. */
static enum status describe(const struct making *m, const void *settings, char **text)
{
    const struct descriptor *about = &m->figure->about;
    char *own = NULL, path[RUN_PATH];
    struct spec spec = {0};
    enum status status = params_text(about->params, settings, &own, m->err);
    if (!status && m->figure->spec)
        status = find_shared_file(m->figure->spec, path, m->err);
    if (!status && m->figure->spec)
        status = spec_load(&spec, path, NULL, 0, m->err);
    if (!status && asprintf(text, "%s: {%s}\n%s", about->name, own, spec.yaml ? spec.yaml : "") < 0)
        status = error_memory(m->err, "the settings of a figure");
    free(own);
    spec_free(&spec);
    return status;
}

static enum status read_settings(const struct making *m, void **settings)
{
    const struct descriptor *about = &m->figure->about;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < m->override_count && !status; i++)
        status = check_override(about, m->overrides[i], m->err);
    *settings = calloc(1, about->settings_size + 1);
    if (!*settings && !status)
        status = error_memory(m->err, "the settings of a figure");
    if (!status)
        status = params_fill(about->params, m->overrides, m->override_count, *settings, m->err);
    return status;
}

static enum status compute_figure(struct making *m)
{
    const char *results = m->options->results, *name = m->figure->about.name;
    char *text = NULL, hash[HASH_SIZE] = "";
    void *settings = NULL;
    enum status status = read_settings(m, &settings);
    if (!status)
        status = describe(m, settings, &text);
    if (!status)
        hash_of_text(text, hash);
    if (!status && snprintf(m->file, RUN_PATH, "%s/%s/%s.h5", results, name, hash) >= RUN_PATH)
        status = too_long(m->err, results);
    if (!status && (m->options->again || !run_is_complete(m->file, hash)))
        status = compute(m, settings, text, hash);
    free(settings);
    free(text);
    return status;
}

/* ---- the caption ---- */

/* The caption: description, source and settings.  It also tells whether the pictures belong to the
 * result.  Allocated for the caller; NULL without memory. */
static char *caption(const struct making *m, const struct store_file *file)
{
    const struct descriptor *about = &m->figure->about;
    char *spec = NULL, *hash = NULL, *text = NULL;
    if (!store_get_text(file, "spec", &spec, NULL) &&
        !store_get_text(file, "spec_hash", &hash, NULL) &&
        asprintf(&text, "%s. %s\nSource: %s\n\nSettings (%s):\n%s", about->name, about->doc,
                 about->source, hash, spec) < 0)
        text = NULL;
    free(spec);
    free(hash);
    return text;
}

/* Whether the file at `path` has this text. */
static bool holds_text(const char *path, const char *text)
{
    const size_t length = strlen(text);
    char *held = malloc(length + 2);
    FILE *file = held ? fopen(path, "r") : NULL;
    const bool same =
        file && fread(held, 1, length + 1, file) == length && memcmp(held, text, length) == 0;
    if (file)
        fclose(file);
    free(held);
    return same;
}

/* ---- pictures and data ---- */

/* Seconds since 1970; 0 if there is no such file. */
static double time_of(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 ? (double)s.st_mtim.tv_sec + 1e-9 * (double)s.st_mtim.tv_nsec : 0;
}

/* Whether base.ending, drawn from this result, is younger than the script and the shared scripts.
 */
static bool is_fresh(const struct making *m, const char *ending)
{
    char path[RUN_PATH + 8], script[RUN_PATH];
    snprintf(path, sizeof path, "%s.%s", m->base, ending);
    const char *const scripts[] = {m->figure->script, "plots/style.gp", "plots/panels.gp"};
    double made = time_of(path);
    bool fresh = made > 0 && made >= time_of(m->file) && m->same_caption && !m->options->again;
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts && fresh; i++)
        fresh = !find_shared_file(scripts[i], script, NULL) && made >= time_of(script);
    return fresh;
}

static enum status draw_one(const struct making *m, const char *path, const char *format)
{
    enum status status = gnuplot_draw(m->figure->script, m->file, path, format, m->err);
    if (!status)
        printf("%s\n", path);
    return status;
}

static enum status draw(const struct making *m, size_t *made)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; !status && i < PICTURE_USUAL; i++) {
        char path[RUN_PATH + 8];
        if (is_fresh(m, picture_formats[i]))
            continue;
        snprintf(path, sizeof path, "%s.%s", m->base, picture_formats[i]);
        status = draw_one(m, path, picture_formats[i]);
        *made += !status;
    }
    return status;
}

static enum status write_data(const struct making *m, const struct store_file *file, size_t *made)
{
    char name[RUN_PATH + 8], *text = NULL;
    size_t size = 0;
    if (is_fresh(m, "tsv"))
        return STATUS_OK;
    snprintf(name, sizeof name, "%s.tsv", m->base);
    FILE *out = open_memstream(&text, &size);
    enum status status = STATUS_OK;
    struct error full;
    if (out)
        status = (m->figure->write_data ? m->figure->write_data : figure_write_points)(file, out,
                                                                                       m->err);
    if (close_text(out, name, status ? &full : m->err) && !status)
        status = m->err->status;
    if (!status)
        status = output_table(name, text, size, m->err);
    free(text);
    if (!status)
        printf("%s\n", name);
    *made += !status;
    return status;
}

/* ---- checks ---- */

void sight(struct sights *s, bool holds, const char *format, ...)
{
    va_list args;
    fputs(holds ? "  seen: " : "  NOT SEEN: ", s->out);
    va_start(args, format);
    vfprintf(s->out, format, args);
    va_end(args);
    putc('\n', s->out);
    *(holds ? &s->seen : &s->missed) += 1;
}

static enum status look(const struct making *m, const struct store_file *file)
{
    struct sights sights = {.out = stdout};
    enum status status = m->figure->check ? m->figure->check(file, &sights, m->err) : STATUS_OK;
    /* Only the figure's own settings are checked. */
    if (!status && sights.missed > 0 && m->options->override_count == 0 && !m->options->from)
        status = error_set(m->err, STATUS_FAILED,
                           "figure %s: %zu of %zu things that must be seen in it are not",
                           m->figure->about.name, sights.missed, sights.seen + sights.missed);
    return status;
}

/* ---- all of it ---- */

static enum status prepare(struct making *m)
{
    const struct figure_options *o = m->options;
    const char *const *quick = o->quick ? m->figure->quick : NULL;
    size_t count = 0;
    for (; quick && quick[count] && count < RUN_MAX_OVERRIDES; count++)
        m->overrides[count] = quick[count];
    if (count + o->override_count > RUN_MAX_OVERRIDES)
        return error_set(m->err, STATUS_INVALID, "more than %d overrides", RUN_MAX_OVERRIDES);
    for (size_t i = 0; i < o->override_count; i++)
        m->overrides[count + i] = o->overrides[i];
    m->override_count = count + o->override_count;
    const int room = (int)sizeof m->base - 8;
    const int length =
        o->output ? snprintf(m->base, (size_t)room, "%s", o->output)
                  : snprintf(m->base, (size_t)room, "%s/%s", o->out, m->figure->about.name);
    return length >= room ? too_long(m->err, o->out) : STATUS_OK;
}

static enum status write_caption(const struct making *m, const char *path, const char *text)
{
    char start[128];
    snprintf(start, sizeof start, "%s. ", m->figure->about.name);
    const struct output_kind kind = {.name = "caption", .start = start, .mark = ""};
    return output_write(path, &kind, text, strlen(text), m->err);
}

/* Everything that is drawn from the result; the caption last, since it marks the rest as done. */
static enum status write_figure(struct making *m, const struct store_file *file)
{
    char path[RUN_PATH + 8], *text = caption(m, file);
    size_t made = 0;
    if (!text)
        return error_set(m->err, STATUS_INVALID,
                         "%s: no result of a run or a figure: it has no "
                         "spec",
                         m->file);
    snprintf(path, sizeof path, "%s.txt", m->base);
    m->same_caption = holds_text(path, text);
    enum status status = write_data(m, file, &made);
    if (!status)
        status = draw(m, &made);
    if (!status && made == 0)
        printf("%s: up to date\n", m->figure->about.name);
    if (!status && !m->same_caption)
        status = write_caption(m, path, text);
    free(text);
    return status;
}

/* Whether a result given by --from is of this figure. */
static enum status check_from(const struct making *m, const struct store_file *file)
{
    const char *name = m->figure->about.name;
    char *other = NULL;
    enum status status = STATUS_OK;
    if (store_get_text(file, "figure", &other, NULL) && m->figure->compute)
        status = error_set(m->err, STATUS_INVALID,
                           "%s: is not the data of the figure %s, which `duet figure %s` computes",
                           m->file, name, name);
    else if (other && strcmp(other, name) != 0)
        status = error_set(m->err, STATUS_INVALID, "%s: is the data of the figure %s, not of %s",
                           m->file, other, name);
    free(other);
    return status;
}

/* Before hours of computing: whether all files can be written, and gnuplot can draw. */
static enum status check_outputs(struct making *m)
{
    const char *output = m->options->output;
    enum status status = gnuplot_check(m->err);
    if (!status && output)
        status = picture_format_of(output, &m->format, m->err);
    if (!status && m->format)
        return output_check(output, picture_kind(m->format), m->err);
    for (size_t i = 0; !status && i < PICTURE_USUAL; i++) {
        char path[RUN_PATH + 8];
        snprintf(path, sizeof path, "%s.%s", m->base, picture_formats[i]);
        status = output_check(path, picture_kind(picture_formats[i]), m->err);
    }
    return status;
}

enum status figure_make(const struct figure *figure, const struct figure_options *options,
                        struct error *err)
{
    struct making m = {.figure = figure, .options = options, .err = err};
    struct store_file *file = NULL;
    enum status status = prepare(&m);
    if (!status)
        status = check_outputs(&m);
    if (!status && options->from)
        snprintf(m.file, sizeof m.file, "%s", options->from);
    else if (!status)
        status = figure->compute ? compute_figure(&m) : run_figure_spec(&m);
    if (!status)
        status = store_open(&file, m.file, err);
    if (!status && options->from)
        status = check_from(&m, file);
    if (!status)
        store_tell_changed(file);
    if (!status)
        status = m.format ? draw_one(&m, options->output, m.format) : write_figure(&m, file);
    if (!status)
        status = look(&m, file);
    if (file)
        store_close(file);
    return status;
}

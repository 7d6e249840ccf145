#include "harness/spec/spec.h"

#include "core/hash.h"
#include "sim/registry.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <libfyaml.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_BYTES = 1 << 20, /* of a spec file */
    MAX_DEPTH = 8,       /* of lists and mappings in one another */
    MAX_KEYS = 64,       /* of one section */
    MAX_ENTRIES = 2 + SECTION_COUNT * (MAX_KEYS + 1),
    MAX_NAME = 200,
    MAX_SHOWN = 60, /* characters of a value that a message repeats */
    PHRASE = 400,   /* bytes of a part of a message */
};

/* ---- tables ---- */

static const struct param train_params[] = {
    {.name = "epochs",
     .type = PARAM_INTEGER,
     .fallback = "20",
     .low = 0,
     .high = 1e6,
     .doc = "passes over `samples` fresh samples",
     .offset = offsetof(struct train_settings, epochs)},
    {.name = "samples",
     .type = PARAM_INTEGER,
     .fallback = "64000",
     .low = 1,
     .high = 1e12,
     .doc = "samples of an epoch",
     .offset = offsetof(struct train_settings, samples)},
    {.name = "batch",
     .type = PARAM_INTEGER,
     .fallback = "128",
     .low = 1,
     .high = 1e9,
     .doc = "samples of an update",
     .offset = offsetof(struct train_settings, batch)},
    {.name = NULL},
};

static const struct param measure_params[] = {
    {.name = "every",
     .type = PARAM_INTEGER,
     .fallback = "1",
     .low = 1,
     .high = 1e6,
     .doc = "epochs between measurements",
     .offset = offsetof(struct measure_settings, every)},
    {.name = "samples",
     .type = PARAM_INTEGER,
     .fallback = "64000",
     .low = 1,
     .high = 1e12,
     .doc = "samples of a measurement",
     .offset = offsetof(struct measure_settings, samples)},
    {.name = "probes",
     .type = PARAM_CHOICES,
     .fallback = "[correlation, covop, spectrum, alignment, linear, features]",
     .choices = "correlation covop spectrum alignment linear features",
     .doc = "what is measured: correlation with the latents; norm and trace of the covariance "
            "operator, and its spectrum; alignment of a predictor; linear probes of the latents "
            "that a view keeps; features of a dictionary in weights and outputs. What the data or "
            "the objective have not is left out",
     .offset = offsetof(struct measure_settings, probes)},
    {.name = "probe_samples",
     .type = PARAM_INTEGER,
     .fallback = "10000",
     .low = 4,
     .high = 1e9,
     .doc = "samples of the linear probes and of features, half of them held out; and of a class "
            "head",
     .offset = offsetof(struct measure_settings, probe_samples)},
    {.name = "ridge",
     .type = PARAM_REAL,
     .fallback = "1e-6",
     .low = POSITIVE,
     .high = UNBOUNDED,
     .doc = "penalty of the linear probes, on the squared norm of the readout",
     .offset = offsetof(struct measure_settings, ridge)},
    {.name = NULL},
};

static const struct param flow_params[] = {
    {.name = "equations",
     .type = PARAM_CHOICE,
     .fallback = "matrix",
     .choices = "matrix reduced modes scalars",
     .doc = "matrix: W, W_p and W_a; reduced: W_p, F and tau for isotropic data, W_a = tau W and a "
            "symmetric W_p; modes: p, s and tau of every eigenvector of F(0); scalars: w_p, w and "
            "w_a of every eigenvector of X",
     .offset = offsetof(struct flow_settings, equations)},
    {.name = "end",
     .type = PARAM_REAL,
     .fallback = "100",
     .low = POSITIVE,
     .high = UNBOUNDED,
     .doc = "time at the end, in units of optimiser.lr times steps",
     .offset = offsetof(struct flow_settings, end)},
    {.name = "points",
     .type = PARAM_INTEGER,
     .fallback = "100",
     .low = 1,
     .high = 1e6,
     .doc = "equal stretches of time after which the flow is measured",
     .offset = offsetof(struct flow_settings, points)},
    {.name = "tolerance",
     .type = PARAM_REAL,
     .fallback = "1e-12",
     .low = 1e-15,
     .high = 0.1,
     .doc = "relative error of a step",
     .offset = offsetof(struct flow_settings, tolerance)},
    {.name = NULL},
};

static const struct descriptor minibatch_table = {
    .name = "minibatch",
    .doc = "Steps of the optimiser on batches of fresh samples.",
    .params = train_params,
    .settings_size = sizeof(struct train_settings),
};

static const struct descriptor flow_table = {
    .name = "flow",
    .doc = "The limit of small learning rates for a linear network without negatives: a "
           "differential equation from the exact moments of the data, integrated by GSL. With "
           "gamma_a = objective.ema the target follows at the rate beta = (1 - gamma_a) / "
           "optimiser.lr.",
    .source = "[NCP] Thm. 1",
    .params = flow_params,
    .settings_size = sizeof(struct flow_settings),
};

static const struct descriptor *const trainers[] = {&minibatch_table, &flow_table};

const struct registry trainer_registry = {"trainer", trainers, sizeof trainers / sizeof *trainers};

static const struct descriptor measure_table = {
    .name = "measure",
    .doc = "What is measured, and how often.",
    .params = measure_params,
    .settings_size = sizeof(struct measure_settings),
};

static const struct descriptor *const measures[] = {&measure_table};

const struct registry measure_registry = {"table", measures, 1};

/* Keys that belong to no section. */
struct head {
    const char *name;
    int64_t seed;
};

static const struct param head_params[] = {
    {.name = "name",
     .type = PARAM_TEXT,
     .fallback = "run",
     .doc = "folder of the results",
     .offset = offsetof(struct head, name)},
    {.name = "seed",
     .type = PARAM_INTEGER,
     .fallback = "1",
     .low = 0,
     .high = UNBOUNDED,
     .doc = "of every random stream",
     .offset = offsetof(struct head, seed)},
    {.name = NULL},
};

static const struct section {
    const char *key;
    const char *selector; /* key that names the descriptor; NULL for a fixed table */
    const char *fallback; /* descriptor where the selector is left out */
    const char *list;     /* `duet list LIST` shows the descriptors */
    const struct registry *registry;
    const struct descriptor *fixed;
} sections[SECTION_COUNT] = {
    [SECTION_DATA] = {"data", "source", "hltm", "data", &source_registry, NULL},
    [SECTION_NETWORK] = {"network", "kind", "tree", "networks", &network_registry, NULL},
    [SECTION_OBJECTIVE] = {"objective", "name", "infonce", "objectives", &objective_registry, NULL},
    [SECTION_PREDICTOR] = {"predictor", "kind", "none", "predictors", &predictor_registry, NULL},
    [SECTION_PREDICTOR_OPTIMISER] = {"predictor_optimiser", "name", "gradient",
                                     "predictor_optimisers", &predictor_optimiser_registry, NULL},
    [SECTION_OPTIMISER] = {"optimiser", "name", "sgd", "optimisers", &optimiser_registry, NULL},
    [SECTION_TRAIN] = {"train", "trainer", "minibatch", "trainers", &trainer_registry, NULL},
    [SECTION_MEASURE] = {"measure", NULL, NULL, NULL, NULL, &measure_table},
};

const char *spec_section_key(enum spec_section section)
{
    return sections[section].key;
}

const char *spec_section_selector(enum spec_section section)
{
    return sections[section].selector;
}

const struct registry *spec_section_registry(enum spec_section section)
{
    return sections[section].registry;
}

/* ---- memory ---- */

struct block {
    struct block *next;
    max_align_t content[];
};

/* Blocks that are freed together. */
struct arena {
    struct block *blocks;
};

static void *keep(struct arena *arena, size_t size)
{
    struct block *block = calloc(1, sizeof *block + size);
    if (!block)
        return NULL;
    block->next = arena->blocks;
    arena->blocks = block;
    return block->content;
}

static char *keep_text(struct arena *arena, const char *text, size_t length)
{
    char *copy = keep(arena, length + 1);
    return copy ? memcpy(copy, text, length) : NULL;
}

static void arena_free(struct arena *arena)
{
    while (arena->blocks) {
        struct block *next = arena->blocks->next;
        free(arena->blocks);
        arena->blocks = next;
    }
}

static enum status out_of_memory(struct error *err)
{
    return error_set(err, STATUS_SYSTEM, "out of memory; close other programs and try again");
}

/* ---- places ---- */

/* A text that was read: a file, one override, one default. */
struct text {
    const char *name; /* "spec.yaml", "command line: data.depth=7" */
    bool located;     /* lines and columns are shown */
};

/* A value as it was written. */
enum node_kind { NODE_SCALAR, NODE_LIST, NODE_MAPPING };

struct node {
    enum node_kind kind;
    bool quoted;       /* a scalar that is text, whatever it looks like */
    int line, column;  /* from 1 */
    const char *value; /* of a scalar */
    size_t count;      /* of a list's or mapping's children; a mapping has key, value, key, ... */
    struct node *first, *last, *next, *parent;
};

/* The last writing of one key. */
struct entry {
    enum spec_section section; /* SECTION_COUNT for name and seed */
    const char *key;           /* within the section; NULL for the section itself */
    const struct text *text;
    int line, column;         /* of the key */
    const struct node *value; /* while loading */
};

struct spec_source {
    struct arena arena;
    struct text *file;  /* NULL: defaults and overrides alone */
    struct entry sweep; /* the section, while loading; key NULL: there is none */
    size_t count;
    struct entry entries[MAX_ENTRIES];
};

/* "FILE:LINE:COLUMN: message", and the key that is to blame. */
__attribute__((format(printf, 6, 7))) static enum status error_at(struct error *err,
                                                                  const struct text *text, int line,
                                                                  int column, const char *key,
                                                                  const char *format, ...)
{
    char message[sizeof err->message];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    if (text->located)
        return error_key(err, key, "%s:%d:%d: %s", text->name, line, column, message);
    return error_key(err, key, "%s: %s", text->name, message);
}

/* `value` for a message: one line, not long. */
static void show(char *shown, size_t size, const char *value)
{
    size_t length = 0;
    size_t limit = size - 4;
    for (; value[length] && length < limit; length++)
        shown[length] = iscntrl((unsigned char)value[length]) ? ' ' : value[length];
    bool cut = value[length] != '\0';
    while (cut && length > 0 && ((unsigned char)value[length] & 0xc0) == 0x80)
        length--; /* not within a character */
    strcpy(shown + length, cut ? "..." : "");
}

/* ---- words ---- */

/* Edit distance in which a swap of neighbours counts once and case does not count. */
static size_t edit_distance(const char *a, size_t m, const char *b, size_t n)
{
    enum { MAX_WORD = 64 };
    if (m >= MAX_WORD || n >= MAX_WORD)
        return SIZE_MAX;
    size_t row[3][MAX_WORD + 1]; /* rows i - 2, i - 1, i */
    for (size_t j = 0; j <= n; j++)
        row[0][j] = row[1][j] = row[2][j] = j;
    for (size_t i = 1; i <= m; i++) {
        memcpy(row[0], row[1], sizeof row[0]);
        memcpy(row[1], row[2], sizeof row[1]);
        row[2][0] = i;
        for (size_t j = 1; j <= n; j++) {
            int x = tolower((unsigned char)a[i - 1]), y = tolower((unsigned char)b[j - 1]);
            size_t best = row[1][j - 1] + (x != y);
            best = row[1][j] + 1 < best ? row[1][j] + 1 : best;
            best = row[2][j - 1] + 1 < best ? row[2][j - 1] + 1 : best;
            if (i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2]) &&
                tolower((unsigned char)a[i - 2]) == y && row[0][j - 2] + 1 < best)
                best = row[0][j - 2] + 1;
            row[2][j] = best;
        }
    }
    return row[2][n];
}

const char *nearest_word(const char *word, const char *const *candidates, size_t count)
{
    const char *nearest = NULL;
    size_t least = SIZE_MAX;
    for (size_t i = 0; i < count; i++) {
        size_t m = strlen(word), n = strlen(candidates[i]);
        size_t longer = m > n ? m : n;
        size_t allowed = longer < 6 ? 1 : longer / 3;
        size_t distance = edit_distance(word, m, candidates[i], n);
        if (distance <= allowed && distance < longer && distance < least) {
            nearest = candidates[i];
            least = distance;
        }
    }
    return nearest;
}

/* Append to `text`, which has room for `size` bytes, as far as it fits. */
__attribute__((format(printf, 3, 4))) static void append(char *text, size_t size,
                                                         const char *format, ...)
{
    size_t used = strlen(text);
    va_list args;
    va_start(args, format);
    vsnprintf(text + used, size - used, format, args);
    va_end(args);
}

/* "the nearest is X", or "INTRODUCTION A, B, C" where none is near. */
static void suggest(char *text, size_t size, const char *word, const char *const *candidates,
                    size_t count, const char *introduction)
{
    const char *nearest = nearest_word(word, candidates, count);
    text[0] = '\0';
    if (nearest) {
        append(text, size, "the nearest is %s", nearest);
        return;
    }
    append(text, size, "%s", introduction);
    for (size_t i = 0; i < count; i++)
        append(text, size, "%s%s", i ? ", " : " ", candidates[i]);
}

/* The words of a choice, split into `buffer`. */
static size_t split_words(const char *choices, char *buffer, size_t size, const char **words,
                          size_t limit)
{
    size_t count = 0;
    snprintf(buffer, size, "%s", choices);
    char *rest = buffer;
    for (char *word; count < limit && (word = strtok_r(rest, " ", &rest));)
        words[count++] = word;
    return count;
}

/* ---- numbers ---- */

/* The shortest decimal that reads back the same double: 0.1, 64000, 1e-6. */
static void format_real(char *text, size_t size, double value)
{
    char scientific[32];
    int digits = 1;
    do
        snprintf(scientific, sizeof scientific, "%.*e", digits - 1, value);
    while (strtod(scientific, NULL) != value && digits++ < 17);
    char *e = strchr(scientific, 'e');
    int exponent = atoi(e + 1);
    snprintf(e, (size_t)(scientific + sizeof scientific - e), "e%d", exponent);
    snprintf(text, size, "%s", scientific);
    if (exponent < -5 || exponent > 15)
        return;
    char plain[64];
    int decimals = digits - 1 - exponent;
    snprintf(plain, sizeof plain, "%.*f", decimals > 0 ? decimals : 0, value);
    if (strlen(plain) < strlen(scientific) + 4)
        snprintf(text, size, "%s", plain);
}

/* [+-] digits [. digits] [e [+-] digits], with a digit before or after the point. */
static bool is_decimal(const char *text)
{
    const char *digit = "0123456789";
    text += *text == '+' || *text == '-';
    size_t whole = strspn(text, digit), fraction = 0;
    text += whole;
    if (*text == '.') {
        fraction = strspn(text + 1, digit);
        text += 1 + fraction;
    }
    if (whole + fraction == 0)
        return false;
    if (*text == 'e' || *text == 'E') {
        text++;
        text += *text == '+' || *text == '-';
        size_t power = strspn(text, digit);
        text += power;
        return power > 0 && *text == '\0';
    }
    return *text == '\0';
}

static bool is_nan_or_infinity(const char *text)
{
    text += *text == '+' || *text == '-';
    text += *text == '.';
    return strcasecmp(text, "nan") == 0 || strcasecmp(text, "inf") == 0 ||
           strcasecmp(text, "infinity") == 0;
}

/* sum * 10^power, false if that is above INT64_MAX */
static bool scale(uint64_t *sum, long power)
{
    if (*sum == 0)
        return true;
    for (; power > 0; power--)
        if (__builtin_mul_overflow(*sum, (uint64_t)10, sum))
            return false;
    return *sum <= INT64_MAX;
}

/* What is wrong with `text` as a number: NULL if nothing, "" if it is none at all. */
static const char *parse_integer(const char *text, int64_t *value)
{
    if (is_nan_or_infinity(text))
        return "not finite";
    if (!is_decimal(text))
        return "";
    const char *e = strpbrk(text, "eE");
    long power = e ? strtol(e + 1, NULL, 10) : 0;
    power = power > MAX_BYTES ? MAX_BYTES : power < -MAX_BYTES ? -MAX_BYTES : power;
    uint64_t sum = 0;
    long zeros = 0; /* that follow `sum` */
    bool fraction = false;
    for (const char *c = text; *c && c != e; c++) {
        if (*c == '.')
            fraction = true;
        if (!isdigit((unsigned char)*c))
            continue;
        power -= fraction;
        zeros++;
        if (*c == '0')
            continue;
        if (!scale(&sum, zeros) || __builtin_add_overflow(sum, (uint64_t)(*c - '0'), &sum))
            return "beyond 2^63 - 1";
        zeros = 0;
    }
    power += zeros;
    if (sum != 0 && power < 0)
        return "not a whole number";
    if (!scale(&sum, power))
        return "beyond 2^63 - 1";
    *value = *text == '-' ? -(int64_t)sum : (int64_t)sum;
    return NULL;
}

static const char *parse_real(const char *text, double *value)
{
    if (is_nan_or_infinity(text))
        return "not finite";
    if (!is_decimal(text))
        return "";
    *value = strtod(text, NULL) + 0.0; /* never -0 */
    return isfinite(*value) ? NULL : "too large";
}

static bool in_range(const struct param *param, double value)
{
    bool above = param->low == POSITIVE ? value > 0 : value >= param->low;
    return above && value <= param->high;
}

const char *param_type_name(enum param_type type)
{
    switch (type) {
    case PARAM_INTEGER:
        return "integer";
    case PARAM_REAL:
        return "number";
    case PARAM_BOOLEAN:
        return "boolean";
    case PARAM_TEXT:
        return "text";
    case PARAM_CHOICE:
        return "word";
    case PARAM_CHOICES:
        return "words";
    case PARAM_INTEGERS:
        return "integer(s)";
    case PARAM_REALS:
        return "number(s)";
    }
    return "";
}

void param_range(const struct param *param, char *text, size_t size)
{
    text[0] = '\0';
    if (param->type == PARAM_CHOICE || param->type == PARAM_CHOICES) {
        for (const char *c = param->choices; *c; c++)
            append(text, size, *c == ' ' ? ", " : "%c", *c);
        return;
    }
    if (param->type == PARAM_BOOLEAN)
        append(text, size, "true, false");
    if (param->type == PARAM_BOOLEAN || param->type == PARAM_TEXT)
        return;
    char low[64], high[64];
    format_real(low, sizeof low, param->low);
    format_real(high, sizeof high, param->high);
    bool bounded = param->high < UNBOUNDED;
    if (param->low == POSITIVE)
        append(text, size, bounded ? "above 0, at most %s" : "above 0", high);
    else if (param->low > -UNBOUNDED)
        append(text, size, bounded ? "%s..%s" : "at least %s", low, high);
    else if (bounded)
        append(text, size, "at most %s", high);
}

/* ---- YAML ---- */

static const char plain_yaml[] =
    "a spec has no anchors, aliases, tags, block text, directives and `?` keys, so write values "
    "out and put text with any of & * ! | > ? % @ ` into quotes";

/* The tree is built from libfyaml's events, which carry the place of every value; nodes of its
 * document tree tell that of scalars only. */
struct builder {
    struct arena *arena;
    const struct text *text;
    struct error *err;
    struct node *root, *open; /* `open`: innermost list or mapping */
    int depth, documents;
    int line, column; /* of the last event that has a place */
};

__attribute__((format(printf, 2, 3))) static enum status refuse(const struct builder *builder,
                                                                const char *format, ...)
{
    char message[PHRASE];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    return error_at(builder->err, builder->text, builder->line, builder->column, "", "%s", message);
}

static enum status attach(struct builder *builder, struct node *node)
{
    struct node *parent = builder->open;
    node->line = builder->line;
    node->column = builder->column;
    node->parent = parent;
    if (!parent) {
        builder->root = node;
    } else {
        *(parent->last ? &parent->last->next : &parent->first) = node;
        parent->last = node;
        parent->count++;
    }
    if (node->kind == NODE_SCALAR)
        return STATUS_OK;
    builder->open = node;
    if (++builder->depth > MAX_DEPTH)
        return refuse(builder,
                      "lists or mappings nested more than %d deep; a spec has sections, "
                      "lists and lists of lists",
                      (int)MAX_DEPTH);
    return STATUS_OK;
}

/* Copy at most `size` bytes of a scalar's text to `to` and return its whole length; SIZE_MAX for
 * lack of memory.  fy_token_get_text would leak for five '' in a row. */
static size_t copy_token(struct fy_token *token, char *to, size_t size)
{
    struct fy_token_iter *chunks = fy_token_iter_create(token);
    const struct fy_iter_chunk *chunk = NULL;
    size_t length = 0;
    int failure = 0;
    if (!chunks)
        return SIZE_MAX;
    while ((chunk = fy_token_iter_chunk_next(chunks, chunk, &failure))) {
        if (to && length + chunk->len <= size)
            memcpy(to + length, chunk->str, chunk->len);
        length += chunk->len;
    }
    fy_token_iter_destroy(chunks);
    return failure ? SIZE_MAX : length;
}

static enum status add_scalar(struct builder *builder, struct fy_event *event)
{
    struct fy_token *token = fy_event_get_token(event);
    enum fy_scalar_style style = token ? fy_scalar_token_get_style(token) : FYSS_PLAIN;
    size_t length = token ? copy_token(token, NULL, 0) : 0;
    struct node *node = keep(builder->arena, sizeof *node);
    char *value = length < SIZE_MAX ? keep(builder->arena, length + 1) : NULL;
    if (!node || !value || (token && copy_token(token, value, length) != length))
        return out_of_memory(builder->err);
    if (style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED)
        builder->column--; /* libfyaml points behind the quote */
    if (strlen(value) != length)
        return refuse(builder, "text with a NUL character in it; remove the \\0");
    node->value = value;
    node->quoted = style != FYSS_PLAIN && style != FYSS_ANY;
    return attach(builder, node);
}

static enum status add_event(struct builder *builder, struct fy_event *event)
{
    bool opens = event->type == FYET_MAPPING_START || event->type == FYET_SEQUENCE_START;
    const struct fy_mark *mark = fy_event_start_mark(event);
    if (mark) {
        builder->line = mark->line + 1;
        builder->column = mark->column + 1;
    }
    if (event->type == FYET_ALIAS ||
        ((opens || event->type == FYET_SCALAR) &&
         (fy_event_get_anchor_token(event) || fy_event_get_tag_token(event))))
        return refuse(builder, "an anchor, alias or tag; %s", plain_yaml);
    if (event->type == FYET_DOCUMENT_START && builder->documents++ > 0)
        return refuse(builder, "a second YAML document; one spec is one document, so put the rest "
                               "into a file of its own");
    if (event->type == FYET_SCALAR)
        return add_scalar(builder, event);
    if (opens) {
        struct node *node = keep(builder->arena, sizeof *node);
        if (!node)
            return out_of_memory(builder->err);
        node->kind = event->type == FYET_MAPPING_START ? NODE_MAPPING : NODE_LIST;
        return attach(builder, node);
    }
    if (event->type == FYET_MAPPING_END || event->type == FYET_SEQUENCE_END) {
        builder->open = builder->open->parent;
        builder->depth--;
    }
    return STATUS_OK;
}

/* Length of the UTF-8 character at `c`, of which `left` bytes remain; 0 if it is none. */
static size_t utf8_length(const unsigned char *c, size_t left)
{
    size_t length = c[0] < 0x80 ? 1 : c[0] < 0xc2 ? 0 : c[0] < 0xe0 ? 2 : c[0] < 0xf0 ? 3 : 4;
    if (length == 0 || c[0] > 0xf4 || length > left)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((c[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xf0 && c[1] < 0x90);
    bool outside = (c[0] == 0xed && c[1] > 0x9f) || (c[0] == 0xf4 && c[1] > 0x8f);
    return overlong || outside ? 0 : length;
}

/* A walk over the characters of a text that tells quoted text and comments from the rest.  Neither
 * goes on in the next line. */
struct walk {
    unsigned char inside;       /* the quote that is open, '#' in a comment, 0 outside both */
    unsigned char last;         /* the last character; a line starts behind '\n' */
    unsigned char before;       /* the last one that is no space and no leading hyphen */
    unsigned char before_colon; /* the one in front of the last colon */
    bool escaped;               /* the next one is part of an escape */
};

static bool opens_quote(const struct walk *walk, unsigned char c)
{
    if ((c != '"' && c != '\'') || !strchr("\n[{,:", walk->before))
        return false;
    bool json = walk->last == ':' && (walk->before_colon == '"' || walk->before_colon == '\'');
    return json || strchr("\n \t[{,", walk->last);
}

static void walk_over(struct walk *walk, unsigned char c, unsigned char next)
{
    bool space = c == ' ' || c == '\t';
    if (c == '\n' || c == '\r') {
        *walk = (struct walk){.last = '\n', .before = '\n'};
        return;
    }
    if (walk->escaped) {
        walk->escaped = false;
    } else if (walk->inside == '"') {
        walk->escaped = c == '\\';
        walk->inside = c == '"' ? 0 : '"';
    } else if (walk->inside == '\'') {
        walk->escaped = c == '\'' && next == '\'';
        walk->inside = c == '\'' && !walk->escaped ? 0 : '\'';
    } else if (walk->inside == 0) {
        bool comment = c == '#' && strchr("\n \t", walk->last);
        bool hyphen = c == '-' && walk->before == '\n' && (next == ' ' || next == '\t');
        walk->inside = comment ? '#' : opens_quote(walk, c) ? c : 0;
        if (c == ':')
            walk->before_colon = walk->before;
        if (!space && !hyphen)
            walk->before = c;
    }
    walk->last = c;
}

/* libfyaml 0.7.12 stops without a word at bytes that are no text, crashes or reads memory that
 * nobody wrote in malformed block text and `?` keys, and takes hours over a line of percent signs.
 */
static enum status check_text(struct builder *builder, const char *yaml, size_t length)
{
    const unsigned char *c = (const unsigned char *)yaml, *end = c + length;
    struct walk walk = {.last = '\n', .before = '\n'};
    builder->line = builder->column = 1;
    if (length >= 3 && memcmp(c, "\xef\xbb\xbf", 3) == 0)
        c += 3; /* byte order mark */
    for (size_t step; c < end; c += step) {
        step = utf8_length(c, (size_t)(end - c));
        if (step == 0 || *c == 0x7f || (*c < ' ' && *c != '\t' && *c != '\n' && *c != '\r'))
            return refuse(builder, "byte 0x%02x is no text; save the spec as UTF-8 text", *c);
        unsigned char next = c + 1 < end ? c[1] : '\n';
        walk_over(&walk, *c, next);
        if (walk.inside == 0 && strchr("&*!|>?%@`", *c))
            return refuse(builder, "'%c' outside quotes; %s", *c, plain_yaml);
        builder->column++;
        if (*c == '\n' || (*c == '\r' && next != '\n')) {
            builder->line++;
            builder->column = 1;
        }
    }
    return STATUS_OK;
}

static void discard(struct fy_diag *diag, void *user, const char *message, size_t length)
{
    (void)diag, (void)user, (void)message, (void)length;
}

/* A diagnostics object that collects instead of printing. */
static struct fy_diag *create_diagnostics(void)
{
    struct fy_diag_cfg config;
    fy_diag_cfg_default(&config);
    config.fp = NULL;
    config.output_fn = discard;
    config.level = FYET_ERROR;
    struct fy_diag *diag = fy_diag_create(&config);
    if (diag)
        fy_diag_set_collect_errors(diag, true);
    return diag;
}

static enum status add_events(struct builder *builder, struct fy_parser *parser,
                              struct fy_diag *diag)
{
    struct fy_event *event;
    while ((event = fy_parser_parse(parser))) {
        enum status status = add_event(builder, event);
        fy_parser_event_free(parser, event);
        if (status != STATUS_OK)
            return status;
    }
    void *position = NULL;
    const struct fy_diag_error *first = fy_diag_errors_iterate(diag, &position);
    if (!first && !fy_parser_get_stream_error(parser))
        return STATUS_OK;
    char shown[PHRASE / 2];
    show(shown, sizeof shown, first ? first->msg : "it cannot be read from here on");
    if (first) {
        builder->line = first->line;
        builder->column = first->column;
    }
    return refuse(builder,
                  "invalid YAML, %s; close brackets and quotes, indent with spaces, and put text "
                  "with any of : # [ ] { } , in it into quotes",
                  shown);
}

/* One word or number, which is most values of a spec: YAML without need of a parser. */
static bool is_plain_word(const char *yaml, size_t length)
{
    size_t letters = 0;
    for (; letters < length; letters++)
        if (!isalnum((unsigned char)yaml[letters]) && !strchr("_.+-", yaml[letters]))
            return false;
    return length > 0 && isalnum((unsigned char)yaml[0]);
}

static enum status keep_word(struct builder *builder, const char *yaml, size_t length)
{
    struct node *node = keep(builder->arena, sizeof *node);
    if (!node || !(node->value = keep_text(builder->arena, yaml, length)))
        return out_of_memory(builder->err);
    builder->line = builder->column = 1;
    return attach(builder, node);
}

/* `*root` is NULL if there is nothing but comments. */
static enum status parse_yaml(struct arena *arena, const struct text *text, const char *yaml,
                              size_t length, const struct node **root, struct error *err)
{
    struct builder builder = {.arena = arena, .text = text, .err = err};
    *root = NULL;
    enum status status;
    if (is_plain_word(yaml, length)) {
        status = keep_word(&builder, yaml, length);
        *root = builder.root;
        return status;
    }
    status = check_text(&builder, yaml, length);
    if (status != STATUS_OK || length == 0)
        return status;
    struct fy_diag *diag = create_diagnostics();
    struct fy_parse_cfg config = {.flags = FYPCF_QUIET, .diag = diag};
    struct fy_parser *parser = diag ? fy_parser_create(&config) : NULL;
    if (parser && fy_parser_set_string(parser, yaml, length) == 0)
        status = add_events(&builder, parser, diag);
    else
        status = out_of_memory(err);
    if (parser)
        fy_parser_destroy(parser);
    fy_diag_destroy(diag);
    *root = builder.root;
    return status;
}

/* ---- values ---- */

static bool is_null(const struct node *node)
{
    if (node->kind != NODE_SCALAR || node->quoted)
        return false;
    const char *value = node->value;
    return *value == '\0' || strcmp(value, "~") == 0 || strcmp(value, "null") == 0 ||
           strcmp(value, "Null") == 0 || strcmp(value, "NULL") == 0;
}

static void describe(char *text, size_t size, const struct node *node)
{
    char shown[MAX_SHOWN];
    if (node->kind != NODE_SCALAR) {
        const char *kind = node->kind == NODE_LIST ? "list" : "mapping";
        snprintf(text, size, node->count ? "a %s" : "an empty %s", kind);
    } else if (is_null(node)) {
        snprintf(text, size, "empty");
    } else {
        show(shown, sizeof shown, node->value);
        snprintf(text, size, "'%s'", shown);
    }
}

/* What may stand in place of `node`, a value of `param` or an entry in it; `node` may be NULL for a
 * value that is not there.  "an integer in 2..256" */
static void describe_expected(char *text, size_t size, const struct param *param,
                              const struct node *node)
{
    static const char *const nouns[] = {
        [PARAM_INTEGER] = "an integer",
        [PARAM_REAL] = "a number",
        [PARAM_BOOLEAN] = "one of",
        [PARAM_TEXT] = "text",
        [PARAM_CHOICE] = "one of",
        [PARAM_CHOICES] = "a list of words out of",
        [PARAM_INTEGERS] = "an integer or a list of integers",
        [PARAM_REALS] = "a number, a list of numbers or a list of lists",
    };
    const char *noun = nouns[param->type];
    const struct node *list = node ? node->parent : NULL;
    if (list && param->type == PARAM_INTEGERS)
        noun = nouns[PARAM_INTEGER];
    if (list && param->type == PARAM_REALS)
        noun = list->first->kind == NODE_SCALAR ? nouns[PARAM_REAL] : "a list of numbers";
    if (list && param->type == PARAM_CHOICES)
        noun = nouns[PARAM_CHOICE];
    char range[PHRASE / 2];
    param_range(param, range, sizeof range);
    bool words =
        param->type == PARAM_BOOLEAN || param->type == PARAM_CHOICE || param->type == PARAM_CHOICES;
    const char *link = words ? " " : strstr(range, "..") ? " in " : ", ";
    snprintf(text, size, "%s%s%s", noun, range[0] ? link : "", range);
}

/* Where one parameter's value goes, and what its errors need. */
struct slot {
    const struct param *param;
    const char *path; /* "data.depth" */
    const struct text *text;
    struct arena *arena;
    struct error *err;
    void *field;
};

/* "KEY is VALUE, REASON; it must be EXPECTED" */
static enum status reject(const struct slot *slot, const struct node *node, const char *reason)
{
    char given[MAX_SHOWN + 8], expected[PHRASE];
    describe(given, sizeof given, node);
    bool entry = node->parent && node->parent->kind == NODE_LIST;
    describe_expected(expected, sizeof expected, slot->param, entry ? node : NULL);
    return error_at(slot->err, slot->text, node->line, node->column, slot->path,
                    "%s%s is %s%s%s; it must be %s", entry ? "an entry of " : "", slot->path, given,
                    *reason ? ", " : "", reason, expected);
}

static enum status read_integer(const struct slot *slot, const struct node *node, int64_t *value)
{
    if (node->kind != NODE_SCALAR || is_null(node))
        return reject(slot, node, "");
    const char *wrong = parse_integer(node->value, value);
    if (node->quoted)
        wrong = wrong ? "" : "text in quotes";
    else if (!wrong && !in_range(slot->param, (double)*value))
        wrong = "out of range";
    return wrong ? reject(slot, node, wrong) : STATUS_OK;
}

static enum status read_real(const struct slot *slot, const struct node *node, double *value)
{
    if (node->kind != NODE_SCALAR || is_null(node))
        return reject(slot, node, "");
    const char *wrong = parse_real(node->value, value);
    if (node->quoted)
        wrong = wrong ? "" : "text in quotes";
    else if (!wrong && !in_range(slot->param, *value))
        wrong = "out of range";
    return wrong ? reject(slot, node, wrong) : STATUS_OK;
}

static enum status read_boolean(const struct slot *slot, const struct node *node)
{
    bool *value = slot->field;
    if (node->kind != NODE_SCALAR || node->quoted)
        return reject(slot, node, node->quoted ? "text in quotes" : "");
    *value = strcmp(node->value, "true") == 0;
    return *value || strcmp(node->value, "false") == 0 ? STATUS_OK : reject(slot, node, "");
}

static enum status read_text(const struct slot *slot, const struct node *node)
{
    if (node->kind != NODE_SCALAR || is_null(node))
        return reject(slot, node, "");
    const char *value = keep_text(slot->arena, node->value, strlen(node->value));
    *(const char **)slot->field = value;
    return value ? STATUS_OK : out_of_memory(slot->err);
}

/* Index of the word among the choices. */
static enum status read_word(const struct slot *slot, const struct node *node, int *index)
{
    enum { MAX_WORDS = 32 };
    char buffer[1024], reason[PHRASE];
    const char *words[MAX_WORDS];
    if (node->kind != NODE_SCALAR || is_null(node))
        return reject(slot, node, "");
    size_t count = split_words(slot->param->choices, buffer, sizeof buffer, words, MAX_WORDS);
    for (size_t i = 0; i < count; i++)
        if (strcmp(words[i], node->value) == 0) {
            *index = (int)i;
            return STATUS_OK;
        }
    const char *nearest = nearest_word(node->value, words, count);
    snprintf(reason, sizeof reason, nearest ? "an unknown word near %s" : "an unknown word",
             nearest);
    return reject(slot, node, reason);
}

/* A list of words; one word alone stands for a list of one. */
static enum status read_words(const struct slot *slot, const struct node *node)
{
    unsigned *bits = slot->field;
    bool list = node->kind == NODE_LIST;
    if (list && node->count == 0)
        return reject(slot, node, "");
    *bits = 0;
    for (const struct node *word = list ? node->first : node; word;
         word = list ? word->next : NULL) {
        int index = 0;
        enum status status = read_word(slot, word, &index);
        if (status != STATUS_OK)
            return status;
        if (*bits & 1u << index)
            return reject(slot, word, "listed twice");
        *bits |= 1u << index;
    }
    return STATUS_OK;
}

static enum status read_integers(const struct slot *slot, const struct node *node)
{
    struct integers *list = slot->field;
    list->scalar = node->kind == NODE_SCALAR;
    list->count = list->scalar ? 1 : node->count;
    if (node->kind == NODE_MAPPING || list->count == 0)
        return reject(slot, node, "");
    int64_t *value = keep(slot->arena, list->count * sizeof *value);
    if (!value)
        return out_of_memory(slot->err);
    list->value = value;
    if (list->scalar)
        return read_integer(slot, node, value);
    for (const struct node *entry = node->first; entry; entry = entry->next) {
        enum status status = read_integer(slot, entry, value++);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

/* The numbers of one row, from `*value` on. */
static enum status read_row(const struct slot *slot, const struct node *row, double **value)
{
    if (row->kind == NODE_SCALAR)
        return read_real(slot, row, (*value)++);
    if (row->count == 0 || row->kind == NODE_MAPPING)
        return reject(slot, row, "");
    for (const struct node *entry = row->first; entry; entry = entry->next) {
        enum status status = read_real(slot, entry, (*value)++);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static enum status read_reals(const struct slot *slot, const struct node *node)
{
    struct reals *table = slot->field;
    if (node->kind == NODE_MAPPING || (node->kind == NODE_LIST && node->count == 0))
        return reject(slot, node, "");
    bool nested = node->kind == NODE_LIST && node->first->kind != NODE_SCALAR;
    table->rank = node->kind == NODE_SCALAR ? 0 : nested ? 2 : 1;
    table->rows = nested ? node->count : 1;
    size_t *length = keep(slot->arena, table->rows * sizeof *length);
    size_t total = 0, r = 0;
    const struct node *first = nested ? node->first : node;
    for (const struct node *row = first; length && row; row = nested ? row->next : NULL) {
        if (nested && row->kind == NODE_SCALAR)
            return reject(slot, row, "a number among lists");
        length[r] = row->kind == NODE_SCALAR ? 1 : row->count;
        total += length[r++];
    }
    double *value = keep(slot->arena, total * sizeof *value);
    if (!length || !value)
        return out_of_memory(slot->err);
    table->length = length;
    table->value = value;
    for (const struct node *row = first; row; row = nested ? row->next : NULL) {
        enum status status = read_row(slot, row, &value);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static enum status read_value(const struct slot *slot, const struct node *node)
{
    switch (slot->param->type) {
    case PARAM_INTEGER:
        return read_integer(slot, node, slot->field);
    case PARAM_REAL:
        return read_real(slot, node, slot->field);
    case PARAM_BOOLEAN:
        return read_boolean(slot, node);
    case PARAM_TEXT:
        return read_text(slot, node);
    case PARAM_CHOICE:
        return read_word(slot, node, slot->field);
    case PARAM_CHOICES:
        return read_words(slot, node);
    case PARAM_INTEGERS:
        return read_integers(slot, node);
    case PARAM_REALS:
        return read_reals(slot, node);
    }
    return reject(slot, node, "of an unknown type");
}

/* ---- entries: which key was written where ---- */

struct loader {
    struct spec *spec;
    struct arena scratch; /* freed when loading ends */
    struct error *err;
};

static struct entry *find_entry(struct spec_source *origin, enum spec_section section,
                                const char *key)
{
    for (size_t i = 0; i < origin->count; i++) {
        struct entry *entry = &origin->entries[i];
        if (entry->section == section && !entry->key == !key &&
            (!key || strcmp(entry->key, key) == 0))
            return entry;
    }
    return NULL;
}

/* "data.depth", "data", "seed" */
static void write_path(char *path, size_t size, enum spec_section section, const char *key)
{
    char shown[MAX_SHOWN];
    path[0] = '\0';
    show(shown, sizeof shown, key ? key : "");
    if (section < SECTION_COUNT)
        append(path, size, "%s%s", sections[section].key, key ? "." : "");
    append(path, size, "%s", shown);
}

/* Make `entry` the last word on its key. */
static enum status add_entry(struct loader *loader, const struct entry *entry)
{
    struct spec_source *origin = loader->spec->origin;
    struct entry *old = find_entry(origin, entry->section, entry->key);
    char path[2 * MAX_SHOWN];
    write_path(path, sizeof path, entry->section, entry->key);
    if (old && old->text == entry->text) {
        char first[MAX_SHOWN] = "";
        if (old->text->located)
            snprintf(first, sizeof first, ", first in line %d", old->line);
        return error_at(loader->err, entry->text, entry->line, entry->column, path,
                        "%s is written twice%s; keep one of the two", path, first);
    }
    size_t keys = 0;
    for (size_t i = 0; i < origin->count; i++)
        keys += origin->entries[i].section == entry->section && origin->entries[i].key;
    if (!old && keys >= MAX_KEYS)
        return error_at(loader->err, entry->text, entry->line, entry->column, path,
                        "more than %d keys in one section; remove the keys that are unknown",
                        (int)MAX_KEYS);
    struct entry *place = old ? old : &origin->entries[origin->count++];
    *place = *entry;
    if (entry->key && !(place->key = keep_text(&origin->arena, entry->key, strlen(entry->key))))
        return out_of_memory(loader->err);
    return STATUS_OK;
}

static enum status check_key(struct loader *loader, const struct text *text, const struct node *key)
{
    if (key->kind == NODE_SCALAR && !is_null(key))
        return STATUS_OK;
    return error_at(loader->err, text, key->line, key->column, "",
                    "%s in place of a key; a key is one word followed by a colon",
                    key->kind == NODE_SCALAR ? "nothing"
                    : key->kind == NODE_LIST ? "a list"
                                             : "a mapping");
}

/* The whole section as `entry` writes it; forgets what was written in it before. */
static enum status add_section(struct loader *loader, const struct entry *entry)
{
    struct spec_source *origin = loader->spec->origin;
    const struct node *value = entry->value;
    const struct section *section = &sections[entry->section];
    enum status status = add_entry(loader, entry);
    if (status != STATUS_OK)
        return status;
    if (value->kind != NODE_MAPPING && !is_null(value)) {
        char given[MAX_SHOWN + 8];
        describe(given, sizeof given, value);
        return error_at(loader->err, entry->text, value->line, value->column, section->key,
                        "%s is %s; it must be a mapping such as {%s: %s}", section->key, given,
                        section->selector ? section->selector : section->fixed->params[0].name,
                        section->selector ? section->fallback : section->fixed->params[0].fallback);
    }
    size_t count = 0;
    for (size_t i = 0; i < origin->count; i++)
        if (origin->entries[i].section != entry->section || !origin->entries[i].key)
            origin->entries[count++] = origin->entries[i];
    origin->count = count;
    const struct node *key = value->kind == NODE_MAPPING ? value->first : NULL;
    for (; status == STATUS_OK && key; key = key->next->next) {
        struct entry inner = {entry->section, key->value,  entry->text,
                              key->line,      key->column, key->next};
        status = check_key(loader, entry->text, key);
        if (status == STATUS_OK)
            status = add_entry(loader, &inner);
    }
    return status;
}

static enum status unknown_top_key(struct loader *loader, const struct entry *entry)
{
    const char *known[3 + SECTION_COUNT] = {"name", "seed"};
    char shown[MAX_SHOWN], suggestion[PHRASE];
    for (int s = 0; s < SECTION_COUNT; s++)
        known[2 + s] = sections[s].key;
    known[2 + SECTION_COUNT] = "sweep";
    const size_t count = 2 + SECTION_COUNT + entry->text->located;
    show(shown, sizeof shown, entry->key);
    suggest(suggestion, sizeof suggestion, entry->key, known, count, "the keys are");
    return error_at(loader->err, entry->text, entry->line, entry->column, shown,
                    "unknown key '%s'; %s", shown, suggestion);
}

static enum status add_sweep(struct loader *loader, const struct entry *entry)
{
    struct entry *sweep = &loader->spec->origin->sweep;
    const struct node *value = entry->value;
    if (!entry->text->located)
        return error_at(loader->err, entry->text, 0, 0, "sweep",
                        "sweep is a section of the file; write KEY=VALUE,VALUE to sweep a key");
    if (sweep->key)
        return error_at(loader->err, entry->text, entry->line, entry->column, "sweep",
                        "sweep is written twice, first in line %d; keep one of the two",
                        sweep->line);
    if (value->kind != NODE_MAPPING && !is_null(value))
        return error_at(loader->err, entry->text, value->line, value->column, "sweep",
                        "sweep is no mapping; it must be one such as {seed: 1:10:1}");
    *sweep = *entry;
    return STATUS_OK;
}

/* One key of the document, or what stands left of the first dot in an override. */
static enum status add_top(struct loader *loader, struct entry entry)
{
    for (const struct param *param = head_params; param->name; param++)
        if (strcmp(param->name, entry.key) == 0) {
            entry.section = SECTION_COUNT;
            return add_entry(loader, &entry);
        }
    for (int s = 0; s < SECTION_COUNT; s++)
        if (strcmp(sections[s].key, entry.key) == 0) {
            entry.section = (enum spec_section)s;
            entry.key = NULL;
            return add_section(loader, &entry);
        }
    if (strcmp(entry.key, "sweep") == 0)
        return add_sweep(loader, &entry);
    return unknown_top_key(loader, &entry);
}

static enum status add_document(struct loader *loader, const struct text *text,
                                const struct node *root)
{
    if (!root || is_null(root))
        return STATUS_OK;
    if (root->kind != NODE_MAPPING) {
        char given[MAX_SHOWN + 8];
        describe(given, sizeof given, root);
        return error_at(loader->err, text, root->line, root->column, "",
                        "the document is %s; a spec is a mapping of keys such as `seed: 1`", given);
    }
    enum status status = STATUS_OK;
    for (const struct node *key = root->first; status == STATUS_OK && key; key = key->next->next) {
        status = check_key(loader, text, key);
        if (status == STATUS_OK)
            status = add_top(loader, (struct entry){.key = key->value,
                                                    .text = text,
                                                    .line = key->line,
                                                    .column = key->column,
                                                    .value = key->next});
    }
    return status;
}

/* "SECTION.KEY": `entry->key` without its section, which goes to entry->section. */
static enum status add_dotted(struct loader *loader, struct entry *entry, char *dot)
{
    *dot = '\0';
    for (int s = 0; s < SECTION_COUNT; s++)
        if (strcmp(sections[s].key, entry->key) == 0) {
            entry->section = (enum spec_section)s;
            entry->key = dot + 1;
            return add_entry(loader, entry);
        }
    for (const struct param *param = head_params; param->name; param++)
        if (strcmp(param->name, entry->key) == 0)
            return error_at(loader->err, entry->text, 0, 0, param->name,
                            "%s has no keys of its own; write %s=VALUE", param->name, param->name);
    if (strcmp(entry->key, "sweep") == 0)
        return add_sweep(loader, entry);
    return unknown_top_key(loader, entry);
}

static enum status add_override(struct loader *loader, const char *override)
{
    struct arena *arena = &loader->spec->origin->arena;
    char shown[2 * MAX_SHOWN], name[3 * MAX_SHOWN];
    const char *place = strchr(override, SPEC_PLACE_END);
    const size_t place_length = place ? (size_t)(place - override) : 0;
    const char *from = override;
    override += place ? place_length + 1 : 0;
    show(shown, sizeof shown, override);
    snprintf(name, sizeof name, "command line: %s", shown);
    struct text *text = keep(arena, sizeof *text);
    if (!text ||
        !(text->name = keep_text(arena, place ? from : name, place ? place_length : strlen(name))))
        return out_of_memory(loader->err);
    const char *equals = strchr(override, '=');
    if (!equals || equals == override)
        return error_at(loader->err, text, 0, 0, "", "no %s; write KEY=VALUE, such as data.depth=7",
                        equals ? "key" : "'='");
    char *key = keep_text(&loader->scratch, override, (size_t)(equals - override));
    if (!key)
        return out_of_memory(loader->err);
    struct entry entry = {.key = key, .text = text};
    enum status status = parse_yaml(&loader->scratch, text, equals + 1, strlen(equals + 1),
                                    &entry.value, loader->err);
    if (status != STATUS_OK)
        return status;
    if (!entry.value || is_null(entry.value))
        return error_at(loader->err, text, 0, 0, key,
                        "no value; write KEY=VALUE, or leave the override out for the default");
    char *dot = strchr(key, '.');
    return dot ? add_dotted(loader, &entry, dot) : add_top(loader, entry);
}

/* ---- sections ---- */

/* The place of an error in something that was left out: where the section was chosen or written,
 * or the file as a whole. */
__attribute__((format(printf, 4, 5))) static enum status error_missing(struct loader *loader,
                                                                       enum spec_section section,
                                                                       const char *path,
                                                                       const char *format, ...)
{
    struct spec_source *origin = loader->spec->origin;
    const char *selector = section < SECTION_COUNT ? sections[section].selector : NULL;
    const struct entry *entry = selector ? find_entry(origin, section, selector) : NULL;
    if (!entry)
        entry = find_entry(origin, section, NULL);
    char message[PHRASE];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    if (entry)
        return error_at(loader->err, entry->text, entry->line, entry->column, path, "%s", message);
    if (origin->file)
        return error_key(loader->err, path, "%s: %s", origin->file->name, message);
    return error_key(loader->err, path, "%s", message);
}

static enum status error_no_value(struct loader *loader, enum spec_section section,
                                  const struct param *param, const char *path, const char *what)
{
    char expected[PHRASE];
    describe_expected(expected, sizeof expected, param, NULL);
    return error_missing(loader, section, path, "%s %s %s", path, what, expected);
}

/* Fill one field from the entry or the default. */
static enum status fill_field(struct loader *loader, enum spec_section section,
                              const struct param *param, void *settings)
{
    struct spec_source *origin = loader->spec->origin;
    const struct entry *entry = find_entry(origin, section, param->name);
    char path[2 * MAX_SHOWN], name[3 * MAX_SHOWN];
    write_path(path, sizeof path, section, param->name);
    snprintf(name, sizeof name, "default of %s", path);
    struct text fallback = {.name = name};
    struct slot slot = {.param = param,
                        .path = path,
                        .text = entry ? entry->text : &fallback,
                        .arena = &origin->arena,
                        .err = loader->err,
                        .field = (char *)settings + param->offset};
    if (entry)
        return read_value(&slot, entry->value);
    if (!param->fallback)
        return error_no_value(loader, section, param, path, "is missing; give it");
    const struct node *root;
    enum status status = parse_yaml(&loader->scratch, &fallback, param->fallback,
                                    strlen(param->fallback), &root, loader->err);
    if (status != STATUS_OK)
        return status;
    if (!root)
        return error_no_value(loader, section, param, path, "has an empty default; it must be");
    return read_value(&slot, root);
}

/* The descriptor that the section's selector names. */
static enum status choose(struct loader *loader, enum spec_section s)
{
    const struct section *section = &sections[s];
    const struct descriptor **chosen = &loader->spec->chosen[s];
    if (section->fixed) {
        *chosen = section->fixed;
        return STATUS_OK;
    }
    enum { MAX_NAMES = 64 };
    const char *names[MAX_NAMES] = {NULL};
    const struct registry *registry = section->registry;
    size_t count = registry->count < MAX_NAMES ? registry->count : MAX_NAMES;
    for (size_t i = 0; i < count; i++)
        names[i] = registry->entries[i]->name;
    const struct entry *entry = find_entry(loader->spec->origin, s, section->selector);
    const struct node *value = entry ? entry->value : NULL;
    bool scalar = !value || (value->kind == NODE_SCALAR && !is_null(value));
    const char *name = !scalar ? "" : value ? value->value : section->fallback;
    *chosen = registry_find(registry, name);
    if (*chosen)
        return STATUS_OK;
    char path[MAX_SHOWN], given[MAX_SHOWN + 8], right[PHRASE];
    write_path(path, sizeof path, s, section->selector);
    suggest(right, sizeof right, name, names, count, "the known ones are");
    if (!value)
        return error_missing(loader, s, path, "%s is not built in; %s", section->fallback, right);
    describe(given, sizeof given, value);
    return error_at(loader->err, entry->text, value->line, value->column, path,
                    "%s is %s%s%s; %s (`duet list %s` shows all)", path, given,
                    scalar ? ", an unknown " : "", scalar ? registry->what : "", right,
                    section->list);
}

static enum status unknown_key(struct loader *loader, enum spec_section s,
                               const struct entry *entry)
{
    enum { MAX_NAMES = 1 + MAX_KEYS };
    const char *names[MAX_NAMES] = {NULL};
    size_t count = 0;
    const struct section *section = &sections[s];
    const struct descriptor *chosen = loader->spec->chosen[s];
    if (section->selector)
        names[count++] = section->selector;
    for (const struct param *p = chosen->params; p && p->name && count < MAX_NAMES; p++)
        names[count++] = p->name;
    char path[2 * MAX_SHOWN], right[PHRASE], whose[PHRASE] = "", hint[PHRASE] = "";
    write_path(path, sizeof path, s, entry->key);
    suggest(right, sizeof right, entry->key, names, count, "the keys are");
    if (section->selector) {
        snprintf(whose, sizeof whose, " of %s %s", section->registry->what, chosen->name);
        const struct entry *by = find_entry(loader->spec->origin, s, section->selector);
        if (by && by->text != entry->text)
            snprintf(hint, sizeof hint, "; '%s={%s: %s}' replaces the whole section", section->key,
                     section->selector, chosen->name);
    }
    return error_at(loader->err, entry->text, entry->line, entry->column, path,
                    "unknown key %s%s; %s%s", path, whose, right, hint);
}

static enum status fill_section(struct loader *loader, enum spec_section s)
{
    struct spec_source *origin = loader->spec->origin;
    enum status status = choose(loader, s);
    if (status != STATUS_OK)
        return status;
    const struct descriptor *chosen = loader->spec->chosen[s];
    const char *selector = sections[s].selector;
    for (size_t i = 0; i < origin->count; i++) {
        const struct entry *entry = &origin->entries[i];
        if (entry->section != s || !entry->key || (selector && strcmp(entry->key, selector) == 0))
            continue;
        if (!descriptor_param(chosen, entry->key))
            return unknown_key(loader, s, entry);
    }
    if (chosen->settings_size == 0)
        return STATUS_OK;
    void *settings = loader->spec->settings[s] = keep(&origin->arena, chosen->settings_size);
    if (!settings)
        return out_of_memory(loader->err);
    for (const struct param *p = chosen->params; status == STATUS_OK && p && p->name; p++)
        status = fill_field(loader, s, p, settings);
    return status;
}

/* The name becomes a folder. */
static enum status check_name(struct loader *loader, const char *name)
{
    const char *allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t length = strlen(name);
    if (length > 0 && length <= MAX_NAME && name[0] != '.' && name[0] != '-' &&
        strspn(name, allowed) == length)
        return STATUS_OK;
    const struct entry *entry = find_entry(loader->spec->origin, SECTION_COUNT, "name");
    char shown[MAX_SHOWN];
    show(shown, sizeof shown, name);
    return error_at(loader->err, entry->text, entry->value->line, entry->value->column, "name",
                    "name is '%s'; it must be 1 to %d letters, digits, '.', '_' or '-', and not "
                    "start with '.' or '-'",
                    shown, (int)MAX_NAME);
}

static enum status fill_head(struct loader *loader)
{
    struct spec *spec = loader->spec;
    struct head head = {0};
    enum status status = STATUS_OK;
    for (const struct param *p = head_params; status == STATUS_OK && p->name; p++)
        status = fill_field(loader, SECTION_COUNT, p, &head);
    if (status == STATUS_OK)
        status = check_name(loader, head.name);
    if (status != STATUS_OK)
        return status;
    spec->seed = (uint64_t)head.seed;
    spec->name = keep_text(&spec->origin->arena, head.name, strlen(head.name));
    return spec->name ? STATUS_OK : out_of_memory(loader->err);
}

/* ---- parameters by themselves ---- */

/* The last of `overrides` that sets `key`, or NULL. */
static const char *find_override(const char *key, const char *const *overrides, size_t count)
{
    size_t length = strlen(key);
    while (count-- > 0)
        if (strncmp(overrides[count], key, length) == 0 && overrides[count][length] == '=')
            return overrides[count];
    return NULL;
}

static enum status fill_param(const struct param *param, const char *override,
                              struct arena *scratch, void *settings, struct error *err)
{
    char shown[2 * MAX_SHOWN], name[3 * MAX_SHOWN], expected[PHRASE];
    show(shown, sizeof shown, override ? override : param->name);
    snprintf(name, sizeof name, override ? "command line: %s" : "default of %s", shown);
    const struct text text = {.name = name};
    const struct slot slot = {.param = param,
                              .path = param->name,
                              .text = &text,
                              .arena = scratch,
                              .err = err,
                              .field = (char *)settings + param->offset};
    const char *value = override ? strchr(override, '=') + 1 : param->fallback;
    const struct node *root = NULL;
    enum status status = STATUS_OK;
    if (value)
        status = parse_yaml(scratch, &text, value, strlen(value), &root, err);
    if (status != STATUS_OK)
        return status;
    if (root)
        return read_value(&slot, root);
    describe_expected(expected, sizeof expected, param, NULL);
    return error_at(err, &text, 0, 0, param->name, "%s has no value; it must be %s", param->name,
                    expected);
}

enum status params_fill(const struct param *params, const char *const *overrides, size_t count,
                        void *settings, struct error *err)
{
    struct arena scratch = {0};
    enum status status = STATUS_OK;
    for (const struct param *p = params; status == STATUS_OK && p && p->name; p++) {
        if (p->type == PARAM_TEXT || p->type == PARAM_INTEGERS || p->type == PARAM_REALS)
            status =
                error_key(err, p->name, "%s is text or a list, which cannot be kept here", p->name);
        else
            status =
                fill_param(p, find_override(p->name, overrides, count), &scratch, settings, err);
    }
    arena_free(&scratch);
    return status;
}

/* ---- the complete spec as YAML ---- */

static void emit_real(FILE *out, double value)
{
    char text[64];
    format_real(text, sizeof text, value);
    fputs(text, out);
}

/* Plain where it cannot be taken for anything but text. */
static void emit_text(FILE *out, const char *text)
{
    static const char *const reserved[] = {"true", "false", "null", "nan", "inf", "yes",
                                           "no",   "on",    "off",  "y",   "n"};
    bool plain = isalpha((unsigned char)text[0]);
    for (const char *c = text; *c; c++)
        plain = plain && (isalnum((unsigned char)*c) || strchr("._-", *c));
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        plain = plain && strcasecmp(text, reserved[i]) != 0;
    if (plain) {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    for (const char *c = text; *c; c++)
        if (iscntrl((unsigned char)*c))
            fprintf(out, "\\x%02x", (unsigned char)*c);
        else
            fprintf(out, *c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
    fputc('"', out);
}

/* The words that are set in `bits`, with `separator` between them. */
static void emit_words(FILE *out, const char *choices, unsigned bits)
{
    char buffer[1024];
    const char *words[32];
    size_t count = split_words(choices, buffer, sizeof buffer, words, 32);
    const char *separator = "";
    for (size_t i = 0; i < count; i++)
        if (bits & 1u << i) {
            fprintf(out, "%s%s", separator, words[i]);
            separator = ", ";
        }
}

static void emit_integers(FILE *out, const struct integers *list)
{
    fputs(list->scalar ? "" : "[", out);
    for (size_t i = 0; i < list->count; i++)
        fprintf(out, "%s%" PRId64, i ? ", " : "", list->value[i]);
    fputs(list->scalar ? "" : "]", out);
}

static void emit_reals(FILE *out, const struct reals *table)
{
    const double *value = table->value;
    fputs(table->rank == 2 ? "[" : "", out);
    for (size_t r = 0; r < table->rows; r++) {
        fputs(r ? ", " : "", out);
        fputs(table->rank > 0 ? "[" : "", out);
        for (size_t i = 0; i < table->length[r]; i++) {
            fputs(i ? ", " : "", out);
            emit_real(out, *value++);
        }
        fputs(table->rank > 0 ? "]" : "", out);
    }
    fputs(table->rank == 2 ? "]" : "", out);
}

static void emit_value(FILE *out, const struct param *param, const void *field)
{
    switch (param->type) {
    case PARAM_INTEGER:
        fprintf(out, "%" PRId64, *(const int64_t *)field);
        return;
    case PARAM_REAL:
        emit_real(out, *(const double *)field);
        return;
    case PARAM_BOOLEAN:
        fputs(*(const bool *)field ? "true" : "false", out);
        return;
    case PARAM_TEXT:
        emit_text(out, *(const char *const *)field);
        return;
    case PARAM_CHOICE:
        emit_words(out, param->choices, 1u << *(const int *)field);
        return;
    case PARAM_CHOICES:
        fputc('[', out);
        emit_words(out, param->choices, *(const unsigned *)field);
        fputc(']', out);
        return;
    case PARAM_INTEGERS:
        emit_integers(out, field);
        return;
    case PARAM_REALS:
        emit_reals(out, field);
        return;
    }
}

static void emit_params(FILE *out, const struct param *params, const void *settings,
                        const char *separator)
{
    for (const struct param *p = params; p && p->name; p++) {
        fprintf(out, "%s%s: ", separator, p->name);
        emit_value(out, p, (const char *)settings + p->offset);
        separator = ", ";
    }
}

enum status params_text(const struct param *params, const void *settings, char **text,
                        struct error *err)
{
    size_t length;
    FILE *out = open_memstream(text, &length);
    if (!out)
        return out_of_memory(err);
    emit_params(out, params, settings, "");
    return fclose(out) == 0 ? STATUS_OK : out_of_memory(err);
}

static void emit_section(FILE *out, const struct spec *spec, enum spec_section s)
{
    const struct descriptor *chosen = spec->chosen[s];
    const char *separator = "";
    fprintf(out, "%s: {", sections[s].key);
    if (sections[s].selector) {
        fprintf(out, "%s: ", sections[s].selector);
        emit_text(out, chosen->name);
        separator = ", ";
    }
    emit_params(out, chosen->params, spec->settings[s], separator);
    fputs("}\n", out);
}

/* ---- what was written ---- */

/* A quoted scalar stays quoted; so does one that could end a word of a list. */
static void emit_scalar(FILE *out, const struct node *node)
{
    bool plain = !node->quoted && *node->value;
    for (const char *c = node->value; *c; c++)
        plain = plain && (isalnum((unsigned char)*c) || strchr("_.+-:/", *c));
    if (plain || is_null(node)) {
        fputs(*node->value ? node->value : "~", out);
        return;
    }
    fputc('"', out);
    for (const char *c = node->value; *c; c++)
        if (iscntrl((unsigned char)*c))
            fprintf(out, "\\x%02x", (unsigned char)*c);
        else
            fprintf(out, *c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
    fputc('"', out);
}

static void emit_node(FILE *out, const struct node *node)
{
    if (node->kind == NODE_SCALAR) {
        emit_scalar(out, node);
        return;
    }
    const bool mapping = node->kind == NODE_MAPPING;
    bool key = true;
    fputc(mapping ? '{' : '[', out);
    for (const struct node *child = node->first; child; child = child->next, key = !key) {
        if (child != node->first)
            fputs(mapping && !key ? ": " : ", ", out);
        emit_node(out, child);
    }
    fputc(mapping ? '}' : ']', out);
}

static void emit_written(FILE *out, const struct spec_source *origin, enum spec_section s)
{
    const char *before = "{";
    for (size_t i = 0; i < origin->count; i++) {
        const struct entry *entry = &origin->entries[i];
        if (entry->section != s || !entry->key)
            continue;
        if (s < SECTION_COUNT)
            fprintf(out, "%s%s", *before == '{' ? sections[s].key : "", *before == '{' ? ": " : "");
        fprintf(out, "%s%s: ", s < SECTION_COUNT ? before : "", entry->key);
        emit_node(out, entry->value);
        before = ", ";
        if (s == SECTION_COUNT)
            fputc('\n', out);
    }
    if (s < SECTION_COUNT && *before == ',')
        fputs("}\n", out);
}

static enum status keep_written(struct spec *spec, struct error *err)
{
    size_t length;
    FILE *out = open_memstream(&spec->written, &length);
    if (!out)
        return out_of_memory(err);
    emit_written(out, spec->origin, SECTION_COUNT);
    for (int s = 0; s < SECTION_COUNT; s++)
        emit_written(out, spec->origin, (enum spec_section)s);
    bool failed = ferror(out) != 0;
    return fclose(out) != 0 || failed ? out_of_memory(err) : STATUS_OK;
}

/* ---- the section `sweep` ---- */

/* YAML text of a node, in the arena; NULL for lack of memory. */
static const char *text_of(struct arena *arena, const struct node *node)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (out)
        emit_node(out, node);
    bool whole = out && fclose(out) == 0;
    const char *kept = whole ? keep_text(arena, text, length) : NULL;
    free(text);
    return kept;
}

/* KEY: VALUE becomes the next line. */
static enum status keep_sweep_line(struct loader *loader, struct spec_sweep_line *line,
                                   const struct node *key, int set)
{
    struct arena *arena = &loader->spec->origin->arena;
    const struct text *text = loader->spec->origin->file;
    const struct node *value = key->next;
    char place[PHRASE];
    enum status status = check_key(loader, text, key);
    if (status != STATUS_OK)
        return status;
    snprintf(place, sizeof place, "%s:%d:%d", text->name, key->line, key->column);
    *line = (struct spec_sweep_line){.set = set, .list = set < 0 && value->kind == NODE_LIST};
    line->key = keep_text(arena, key->value, strlen(key->value));
    line->place = keep_text(arena, place, strlen(place));
    line->count = line->list ? value->count : 1;
    line->value = keep(arena, (line->count + 1) * sizeof *line->value);
    if (!line->key || !line->place || !line->value)
        return out_of_memory(loader->err);
    const struct node *item = line->list ? value->first : value;
    for (size_t i = 0; item && i < line->count; i++, item = item->next)
        if (!(line->value[i] = text_of(arena, item)))
            return out_of_memory(loader->err);
    return STATUS_OK;
}

/* The sets of `cases`, from `*line` on. */
static enum status keep_cases(struct loader *loader, struct spec_sweep_line **line,
                              const struct node *cases)
{
    const struct text *text = loader->spec->origin->file;
    int set = 0;
    if (cases->kind != NODE_LIST || cases->count == 0)
        return error_at(loader->err, text, cases->line, cases->column, "sweep.cases",
                        "cases is no list of sets; write one such as [{case: name, KEY: VALUE}]");
    for (const struct node *one = cases->first; one; one = one->next, set++) {
        if (one->kind != NODE_MAPPING)
            return error_at(loader->err, text, one->line, one->column, "sweep.cases",
                            "an entry of cases is no mapping; it must be one such as {case: name, "
                            "KEY: VALUE}");
        for (const struct node *key = one->first; key; key = key->next->next) {
            enum status status = keep_sweep_line(loader, (*line)++, key, set);
            if (status != STATUS_OK)
                return status;
        }
    }
    return STATUS_OK;
}

static enum status keep_sweep(struct loader *loader)
{
    struct spec *spec = loader->spec;
    const struct entry *sweep = &spec->origin->sweep;
    if (!sweep->key)
        return STATUS_OK;
    const struct node *section = sweep->value->kind == NODE_MAPPING ? sweep->value : NULL;
    size_t most = 1;
    for (const struct node *key = section ? section->first : NULL; key; key = key->next->next) {
        most++;
        if (key->next->kind == NODE_LIST)
            for (const struct node *one = key->next->first; one; one = one->next)
                most += one->kind == NODE_MAPPING ? one->count / 2 : 0;
    }
    struct spec_sweep_line *first = keep(&spec->origin->arena, most * sizeof *first);
    struct spec_sweep_line *line = first;
    if (!first)
        return out_of_memory(loader->err);
    enum status status = STATUS_OK;
    for (const struct node *key = section ? section->first : NULL; key && status == STATUS_OK;
         key = key->next->next) {
        if (key->kind == NODE_SCALAR && strcmp(key->value, "cases") == 0)
            status = keep_cases(loader, &line, key->next);
        else
            status = keep_sweep_line(loader, line++, key, -1);
    }
    spec->sweep = first;
    spec->sweep_count = (size_t)(line - first);
    return status;
}

void hash_of_text(const char *text, char hash[HASH_SIZE])
{
    snprintf(hash, HASH_SIZE, "%016" PRIx64, hash_more(HASH_OF_NOTHING, text, strlen(text)));
}

static enum status emit(struct spec *spec, struct error *err)
{
    size_t length;
    FILE *out = open_memstream(&spec->yaml, &length);
    if (!out)
        return out_of_memory(err);
    fputs("name: ", out);
    emit_text(out, spec->name);
    fprintf(out, "\nseed: %" PRIu64 "\n", spec->seed);
    for (int s = 0; s < SECTION_COUNT; s++)
        emit_section(out, spec, (enum spec_section)s);
    bool failed = ferror(out) != 0;
    if (fclose(out) != 0 || failed)
        return out_of_memory(err);
    hash_of_text(spec->yaml, spec->hash);
    return STATUS_OK;
}

/* ---- loading ---- */

static enum status load(struct loader *loader, const char *yaml, size_t length,
                        const char *const *overrides, size_t override_count)
{
    struct spec_source *origin = loader->spec->origin;
    enum status status = STATUS_OK;
    if (origin->file) {
        const struct node *root;
        status = parse_yaml(&loader->scratch, origin->file, yaml, length, &root, loader->err);
        if (status == STATUS_OK)
            status = add_document(loader, origin->file, root);
    }
    for (size_t i = 0; status == STATUS_OK && i < override_count; i++)
        status = add_override(loader, overrides[i]);
    if (status == STATUS_OK)
        status = fill_head(loader);
    for (int s = 0; status == STATUS_OK && s < SECTION_COUNT; s++)
        status = fill_section(loader, (enum spec_section)s);
    if (status == STATUS_OK)
        status = emit(loader->spec, loader->err);
    if (status == STATUS_OK)
        status = keep_written(loader->spec, loader->err);
    if (status == STATUS_OK)
        status = keep_sweep(loader);
    origin->sweep.value = NULL;
    for (size_t i = 0; i < origin->count; i++)
        origin->entries[i].value = NULL;
    return status;
}

enum status spec_parse(struct spec *spec, const char *name, const char *yaml, size_t length,
                       const char *const *overrides, size_t override_count, struct error *err)
{
    *spec = (struct spec){.origin = calloc(1, sizeof *spec->origin)};
    struct loader loader = {.spec = spec, .err = err};
    if (!spec->origin)
        return out_of_memory(err);
    struct arena *arena = &spec->origin->arena;
    enum status status = STATUS_OK;
    if (name) {
        struct text *file = spec->origin->file = keep(arena, sizeof *file);
        if (!file || !(file->name = keep_text(arena, name, strlen(name))))
            status = out_of_memory(err);
        else
            file->located = true;
    }
    if (status == STATUS_OK && length > MAX_BYTES)
        status = error_set(err, STATUS_INVALID,
                           "%s: larger than 1 MiB; a spec is a short YAML text", name);
    if (status == STATUS_OK)
        status = load(&loader, yaml, length, overrides, override_count);
    arena_free(&loader.scratch);
    if (status != STATUS_OK)
        spec_free(spec);
    return status;
}

enum status spec_read(struct spec *spec, const char *path, const char *const *overrides,
                      size_t override_count, struct error *err)
{
    *spec = (struct spec){0};
    if (!path)
        return spec_parse(spec, NULL, "", 0, overrides, override_count, err);
    FILE *file = fopen(path, "rb");
    if (!file)
        return error_set(err, STATUS_SYSTEM, "%s: %s; give the path of a spec that can be read",
                         path, strerror(errno));
    char *yaml = malloc(MAX_BYTES + 1);
    size_t length = yaml ? fread(yaml, 1, MAX_BYTES + 1, file) : 0;
    enum status status;
    if (!yaml)
        status = out_of_memory(err);
    else if (ferror(file))
        status = error_set(err, STATUS_SYSTEM, "%s: %s; give the path of a spec that can be read",
                           path, strerror(errno));
    else
        status = spec_parse(spec, path, yaml, length, overrides, override_count, err);
    fclose(file);
    free(yaml);
    return status;
}

void spec_locate(const struct spec *spec, struct error *err)
{
    if (!err || !spec->origin || !err->key[0])
        return;
    char key[sizeof err->key];
    memcpy(key, err->key, sizeof key);
    char *dot = strchr(key, '.');
    if (dot)
        *dot = '\0';
    const struct entry *entry = NULL;
    if (!dot)
        entry = find_entry(spec->origin, SECTION_COUNT, key);
    for (int s = 0; s < SECTION_COUNT; s++)
        if (strcmp(sections[s].key, key) == 0)
            entry = find_entry(spec->origin, (enum spec_section)s, dot ? dot + 1 : NULL);
    if (entry && entry->text->located)
        error_context(err, "%s:%d:%d", entry->text->name, entry->line, entry->column);
    else if (entry)
        error_context(err, "%s", entry->text->name);
    else if (spec->origin->file)
        error_context(err, "%s: %s", spec->origin->file->name, err->key);
    else
        error_context(err, "%s", err->key);
}

void spec_free(struct spec *spec)
{
    if (spec->origin)
        arena_free(&spec->origin->arena);
    free(spec->origin);
    free(spec->yaml);
    free(spec->written);
    *spec = (struct spec){0};
}

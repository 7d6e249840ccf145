#include "analysis/probe.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- choice ---- */

static const struct probe *probe_at(size_t i)
{
    return (const void *)probe_registry.entries[i];
}

/* Append to `text` as far as it fits. */
__attribute__((format(printf, 3, 4))) static void append(char *text, size_t size,
                                                         const char *format, ...)
{
    const size_t used = strlen(text);
    va_list args;
    va_start(args, format);
    vsnprintf(text + used, size - used, format, args);
    va_end(args);
}

static enum status refuse(const struct subject *s, const struct probe *probe, struct error *err)
{
    char others[512] = "";
    for (size_t i = 0; i < probe_registry.count; i++)
        if (!probe_at(i)->applies(s))
            append(others, sizeof others, "%s%s", *others ? ", " : "", probe_at(i)->about.name);
    return error_key(err, "measure.probes",
                     "measure.probes names %s, which does not apply to this run: %s; those that "
                     "apply are %s",
                     probe->about.name, probe->applies(s), others);
}

enum status probes_choose(struct subject *s, const void *const *settings, bool named,
                          struct error *err)
{
    s->probes = 0;
    for (size_t i = 0; s->settings->probes && i < probe_registry.count; i++) {
        const struct probe *probe = probe_at(i);
        const bool listed = s->settings->probes & 1u << i;
        const char *why = listed || probe->always ? probe->applies(s) : "not asked for";
        if (why && listed && named)
            return refuse(s, probe, err);
        if (why)
            continue;
        s->probe_settings[s->probes] = settings ? settings[i] : NULL;
        s->probe[s->probes++] = probe;
    }
    return STATUS_OK;
}

void probes_left_out(const struct subject *s, char *text, size_t size)
{
    *text = '\0';
    for (size_t i = 0; i < probe_registry.count; i++) {
        const char *why = s->settings->probes & 1u << i ? probe_at(i)->applies(s) : NULL;
        if (why)
            append(text, size, "%s%s (%s)", *text ? ", " : "", probe_at(i)->about.name, why);
    }
}

/* ---- the chosen ones ---- */

void *probe_set_state(const struct probe_set *set, const struct measurement *measurement)
{
    for (size_t i = 0; i < set->count; i++)
        if (set->measurement[i] == measurement)
            return set->state[i];
    return NULL;
}

enum status probe_set_open(struct probe_set *set, const struct subject *subject, struct error *err)
{
    *set = (struct probe_set){.subject = subject};
    for (size_t i = 0; i < subject->probes; i++) {
        const struct measurement *m = subject->probe[i]->measurement;
        if (probe_set_state(set, m))
            continue;
        void *state = calloc(1, m->size);
        if (!state)
            return error_memory(err, "the probe %s", subject->probe[i]->about.name);
        set->measurement[set->count] = m;
        set->state[set->count++] = state;
    }
    return STATUS_OK;
}

void probe_set_free(struct probe_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        free(set->state[i]);
    *set = (struct probe_set){0};
}

void probe_set_layout(struct probe_set *set, struct arena *arena)
{
    for (size_t i = 0; i < set->count; i++)
        set->measurement[i]->layout(set->state[i], set->subject, arena);
}

enum status probe_set_measure(struct probe_set *set, const struct snapshot *snapshot,
                              struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < set->count && !status; i++)
        status = set->measurement[i]->measure(set->state[i], snapshot, err);
    return status;
}

void probe_set_quantities(const void *state, struct quantity_list *list)
{
    const struct probe_set *set = state;
    for (size_t i = 0; i < set->subject->probes; i++) {
        const struct probe *probe = set->subject->probe[i];
        probe->quantities(probe_set_state(set, probe->measurement), list);
    }
}

void probe_set_lasting(const struct probe_set *set, struct state_list *list)
{
    for (size_t i = 0; i < set->count; i++)
        if (set->measurement[i]->lasting)
            set->measurement[i]->lasting(set->state[i], list);
}

size_t probe_set_memory(const struct probe_set *set)
{
    size_t most = 0;
    for (size_t i = 0; i < set->count; i++) {
        const struct measurement *m = set->measurement[i];
        const size_t size = m->memory ? m->memory(set->subject) : 0;
        most = size > most ? size : most;
    }
    return most;
}

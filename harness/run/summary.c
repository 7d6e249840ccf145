
#include "harness/run/summary.h"
#include <math.h>

static void print_value(FILE *out, double value)
{
    if (isnan(value))
        fprintf(out, "  %8s", "-");
    else
        fprintf(out, "  %8.4f", value);
}

void summary_print(FILE *out, size_t levels, const size_t *nodes, const double *before,
                   const double *after, const double *ceiling)
{
    fprintf(out, "best |correlation|, mean over the nodes of a level (0 is the root)\n");
    fprintf(out, "%5s  %6s  %8s  %8s  %8s\n", "level", "nodes", "before", "after", "ceiling");
    for (size_t k = 0; k < levels; k++) {
        fprintf(out, "%5zu", k);
        if (nodes[k])
            fprintf(out, "  %6zu", nodes[k]);
        else
            fprintf(out, "  %6s", "-");
        print_value(out, before[k]);
        print_value(out, after[k]);
        print_value(out, ceiling[k]);
        putc('\n', out);
    }
}

const char *const summary_series[SUMMARY_SERIES][2] = {
    {"/series/loss", "loss"},
    {"/series/predictor/effective_rank", "effective rank of the outputs"},
    {"/series/comatch/accuracy", "accuracy of the class head"},
    {"/series/probe/mean", "accuracy of the linear probes"},
};

void summary_print_lines(FILE *out, const struct summary_line *lines, size_t count)
{
    fprintf(out, "%-30s  %8s  %8s\n", "", "before", "after");
    for (size_t i = 0; i < count; i++)
        fprintf(out, "%-30s  %8.4g  %8.4g\n", lines[i].what, lines[i].before, lines[i].after);
}

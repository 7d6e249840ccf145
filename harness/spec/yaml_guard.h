/* Keeps from libfyaml 0.7.12 the texts that it cannot take. */
#ifndef DUET_HARNESS_SPEC_YAML_GUARD_H
#define DUET_HARNESS_SPEC_YAML_GUARD_H

#include "harness/spec/node.h"

/* For messages: what the YAML of a spec does without. */
extern const char plain_yaml[];

/* libfyaml stops without a word at bytes that are no text, crashes or reads memory that nobody
 * wrote in malformed block text and `?` keys, and takes hours over a line of percent signs: all of
 * them are errors, with their place. */
enum status yaml_guard(const struct text *text, const char *yaml, size_t length, struct error *err);

#endif

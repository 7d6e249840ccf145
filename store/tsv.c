#include "store/tsv.h"

#include "store/store.h"

void tsv_number(FILE *out, double value)
{
    char text[STORE_NUMBER_SIZE];
    store_format_number(value, text);
    fputs(text, out);
}

void tsv_text(FILE *out, const char *text)
{
    for (; *text; text++)
        putc((unsigned char)*text < ' ' ? ' ' : *text, out);
}

void tsv_word(FILE *out, const char *text)
{
    for (; *text; text++)
        putc((unsigned char)*text <= ' ' || *text == 127 ? '_' : *text, out);
}

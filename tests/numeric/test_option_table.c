/* test_option_table.c - the table of a cfg's options in docs/darknet.md is that of the parser: one row per section. A row that
 * is missing there is printed as it must stand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cfg/keys.h"
#include "layers/kinds.h"

enum { ROW = 8192, PAGE = 1 << 18 };

static char page[PAGE];
static int rows_of_page;

static void load_page(void)
{
    FILE *f = fopen("docs/darknet.md", "r");
    assert_non_null(f);
    page[fread(page, 1, sizeof page - 1, f)] = 0;
    fclose(f);
    const char *at = strstr(page, "## Options of a cfg");
    assert_non_null(at);
    for (at = strstr(at, "\n| `["); at; at = strstr(at + 1, "\n| `["))
        rows_of_page++;
}

static void add(char *row, const char *text)
{
    assert_true(strlen(row) + strlen(text) < ROW);
    strcat(row, text);
}

/* The keys of one use as a cell; with what they would change if they are refused. */
static void add_cell(char *row, const dk_key *keys, unsigned uses)
{
    bool first = true;
    add(row, " ");
    for (const dk_key *k = keys; k && k->name; k++) {
        if (!(uses >> k->use & 1)) continue;
        add(row, first ? "`" : ", `");
        add(row, k->name);
        add(row, "`");
        if (k->use == DK_KEY_REFUSED) {
            add(row, k->neutral ? " other than " : "");
            add(row, k->neutral ? k->neutral : "");
            add(row, " (would ");
            add(row, k->note);
            add(row, ")");
        }
        first = false;
    }
    add(row, first ? "- |" : " |");
}

static int row_of(const char *name, const dk_section_kind *kind, const dk_key *keys)
{
    static char row[ROW];
    row[0] = 0;
    add(row, "\n| `");
    add(row, name);
    add(row, "` |");
    if (kind && kind->use == DK_KEY_REFUSED) {
        add(row, " - | - | - | the layer (would ");
        add(row, kind->note);
        add(row, ") |");
    } else {
        add_cell(row, keys, 1u << DK_KEY_BOTH | 1u << DK_KEY_PACKAGED);
        add_cell(row, keys, 1u << DK_KEY_FORKS);
        add_cell(row, keys, 1u << DK_KEY_IDLE | 1u << DK_KEY_UNREAD);
        add_cell(row, keys, 1u << DK_KEY_REFUSED);
    }
    add(row, "\n");
    if (strstr(page, row)) return 0;
    printf("%s", row + 1);
    return 1;
}

static void test_page_is_the_parsers_table(void **state)
{
    (void)state;
    load_page();
    int rows = 2, missing = row_of("[net]", &dk_section_net, dk_section_net.keys);
    missing += row_of("[any layer]", NULL, dk_keys_any_layer);
    for (const dk_section_kind *k = dk_section_kinds; k->names[0]; k++, rows++)
        missing += row_of(k->names[0], k, k->keys);
    assert_int_equal(missing, 0);
    assert_int_equal(rows_of_page, rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_page_is_the_parsers_table)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

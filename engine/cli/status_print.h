/* A status as people and programs want it. */
#ifndef ENGINE_CLI_STATUS_PRINT_H
#define ENGINE_CLI_STATUS_PRINT_H

#include <jansson.h>
#include <stdbool.h>

#include "formats/buffer.h"
#include "larder/status.h"

/* On standard output, within a screen of 80 by 24. */
void status_print_screen(const struct larder_status_report *report, const char *store);

json_t *status_json(const struct larder_status_report *report, const char *store);

/*
 * Prometheus' text format, to be served or to be found by node_exporter's textfile collector. A status that could not be read is
 * larder_status_success 0, and then nothing else is known.
 */
void status_metrics(const struct larder_status_report *report, bool success, struct buffer *out);

/* Whether there is more than one source, so that names need theirs. */
bool status_has_sources(const struct larder_status_report *report);

/* Appends "daily 3h", "daily OVERDUE (31h old, due every 24h)", and the like, of the preset in that place. */
void status_put_state(struct buffer *out, const struct larder_status_report *report, size_t place);

/*
 * The one line of a Nagios plugin, on standard output, and its exit code: 0 OK, 1 WARNING (something is not as it should be), 2
 * CRITICAL (overdue or missing), 3 UNKNOWN (it could not be read; `error` says why). `error` then says what is not in the line: why
 * that could not be written, which is CRITICAL or UNKNOWN, too.
 */
int status_print_nagios(const struct larder_status_report *report, enum larder_status status,
                        struct larder_error *error);

#endif

/*
 * What a run tells on standard error, an event a line: as text for people, with priorities for the
 * journal where systemd has connected it (sd-daemon(3)), or as JSON where LARDER_LOG_FORMAT, which
 * --log-format sets, says so.
 */
#ifndef ENGINE_CLI_LOG_H
#define ENGINE_CLI_LOG_H

#include <stdbool.h>
#include <stddef.h>

#include "larder/run.h"

enum log_level { LOG_IS_ERROR = 3, LOG_IS_WARNING = 4, LOG_IS_NOTE = 6, LOG_IS_DETAIL = 7 };
enum log_form { LOG_TEXT, LOG_JOURNAL, LOG_JSON };

#define LOG_FORMAT_VARIABLE "LARDER_LOG_FORMAT"

enum log_form log_form(void);

/* `help` may be NULL. */
void log_event(enum log_level level, const char *text, const char *help);

/* What was found, a line each and of no level of their own, below the message that says so. */
void log_findings(const struct larder_findings *findings);

/* How far a phase has got. */
void log_progress(const struct larder_progress *progress);

#endif

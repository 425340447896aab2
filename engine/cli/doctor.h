/* The doctor's lines, for who else shows them. */
#ifndef ENGINE_CLI_DOCTOR_H
#define ENGINE_CLI_DOCTOR_H

#include <stdbool.h>

#include "larder/doctor.h"

/* To standard output, a line each and what to do below it; with `quiet` those alone that are not ok. */
void doctor_print_lines(const struct larder_doctor *result, bool quiet);

#endif

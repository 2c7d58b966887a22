// SPDX-License-Identifier: Apache-2.0
// What a request with an Idempotency-Key has done, written in the transaction that does it: so a
// repetition after a crash of howdahd finds it. All do nothing for other requests.
#pragma once
#include <string>

#include "control/jobs/job.h"
#include "control/principal.h"
#include "pg/connection.h"

namespace howdah::control {

// The job that carries the request on. Its handler must go on with Call::earlier_job.
Task<void> tie_to_request(pg::Connection& connection, Principal caller, JobId job);
// What the request made, for a person: the subject of its audit row.
Task<void> note_effect(pg::Connection& connection, Principal caller, std::string subject);

}  // namespace howdah::control

// SPDX-License-Identifier: Apache-2.0
// The measuring client: for each connection string on standard input, one line with the
// microseconds from nothing to a connection and to the first row, or the error.
//   "<connect_us> <first_row_us> <cpu_us>\n"  or  "error <text>\n"
// libpq as it is: its TLS handshake and its 4096 SCRAM iterations are in the times; cpu_us is what
// this process itself computed, so bench/run can say what the client costs. It runs on, so that
// starting a process is in no figure.
#include <libpq-fe.h>
#include <sys/resource.h>

#include <chrono>
#include <iostream>
#include <memory>
#include <string>

namespace {

using Clock = std::chrono::steady_clock;
using Connection = std::unique_ptr<PGconn, decltype(&PQfinish)>;
using Rows = std::unique_ptr<PGresult, decltype(&PQclear)>;

long long us_since(Clock::time_point start) {
  return std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start).count();
}

long long cpu_us() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1'000'000LL + usage.ru_utime.tv_usec +
         usage.ru_stime.tv_usec;
}

void measure(const std::string& conninfo) {
  const long long cpu_before_us = cpu_us();
  const auto start = Clock::now();
  const Connection connection(PQconnectdb(conninfo.c_str()), PQfinish);
  const long long connected_us = us_since(start);
  Rows rows(nullptr, PQclear);
  if (PQstatus(connection.get()) == CONNECTION_OK) {
    rows.reset(PQexec(connection.get(), "SELECT 1"));
  }
  const long long row_us = us_since(start);
  if (rows && PQresultStatus(rows.get()) == PGRES_TUPLES_OK && PQntuples(rows.get()) == 1) {
    std::cout << connected_us << ' ' << row_us << ' ' << cpu_us() - cpu_before_us << std::endl;
    return;
  }
  std::string error = PQerrorMessage(connection.get());
  for (char& c : error) {
    if (c == '\n') c = ' ';
  }
  std::cout << "error " << error << std::endl;
}

}  // namespace

int main() {
  for (std::string conninfo; std::getline(std::cin, conninfo);) measure(conninfo);
}

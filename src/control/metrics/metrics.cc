// SPDX-License-Identifier: Apache-2.0
#include "control/metrics/metrics.h"

#include <unistd.h>

#include <charconv>
#include <functional>

#include "control/databases/database_store.h"
#include "control/envelope.h"
#include "control/metrics/metrics_store.h"
#include "os/file.h"

namespace howdah::control {
namespace {

void gauge(MetricsText& text, std::string_view name, std::string_view help, double number) {
  text.begin(name, "gauge", help);
  text.value(number);
}

// The second number of statm, in pages; 0 where it cannot be read.
double resident_bytes() {
  const auto statm = os::read_file("/proc/self/statm", 1_KiB);
  if (!statm) return 0;
  const std::size_t space = statm->find(' ');
  if (space == std::string::npos) return 0;
  std::int64_t pages = 0;
  std::from_chars(statm->data() + space + 1, statm->data() + statm->size(), pages);
  return static_cast<double>(pages) * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

void Metrics::add_routes(Routes& routes) {
  routes.observe(std::bind_front(&RequestMetrics::observe, &requests_));
  routes.add(http::Method::get, "/metrics", Access::read, std::bind_front(&Metrics::show, this));
}

Task<http::Response> Metrics::show(Call call) {
  QueryReader query(call.request.query);
  HOWDAH_CO_CHECK(query.finish());
  MetricsText text;
  text.begin("howdah_build_info", "gauge", "The running version.");
  text.value(1, {{"version", HOWDAH_VERSION}});
  gauge(text, "process_resident_memory_bytes", "Memory of howdahd.", resident_bytes());
  requests_.write(text);
  write_node(text);
  write_gates(text);
  co_await write_catalog(text);
  http::Response response;
  response.headers = {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"}};
  response.body = text.take();
  co_return response;
}

void Metrics::write_node(MetricsText& text) const {
  const nodeapi::NodeStatus& status = from_.nodes.status();
  const MetricsText::Labels node{{"node", status.node_id.str()}};
  const auto one = [&](std::string_view name, std::string_view help, double number) {
    text.begin(name, "gauge", help);
    text.value(number, node);
  };
  one("howdah_node_up", "1 while the node agent answers.", from_.nodes.reachable() ? 1 : 0);
  one("howdah_node_spares_ready", "Prepared instances that wait for a database.",
      static_cast<double>(status.spares_ready));
  one("howdah_volume_size_bytes", "Size of the volume.",
      static_cast<double>(status.volume_size_bytes));
  one("howdah_volume_free_bytes", "Free space of the volume.",
      static_cast<double>(status.volume_free_bytes));
  one("howdah_volume_ballast_bytes", "Space of the volume that is kept for when it is full.",
      static_cast<double>(status.volume_ballast_bytes));
  one("howdah_volume_low", "1 below the free space where new databases are refused.",
      status.volume_state == "ok" ? 0 : 1);
  one("howdah_volume_full", "1 below the free space where what grows is suspended.",
      status.volume_state == "full" ? 1 : 0);
  one("howdah_instances_held_back", "Instances that grew when the volume was full.",
      static_cast<double>(status.instances_held_back));
  text.begin("howdah_instances", "gauge", "Instances of the node by run state.");
  for (const auto& [state, count] : from_.nodes.counts()) {
    text.value(static_cast<double>(count), {{"state", std::string(to_string(state))}});
  }
}

void Metrics::write_gates(MetricsText& text) const {
  gauge(text, "howdah_gates", "Gates connected to the route stream.",
        static_cast<double>(from_.routes.gates()));
  gauge(text, "howdah_routes", "Branches that gates know.",
        static_cast<double>(from_.routes.routes()));
  gauge(text, "howdah_client_sessions", "Client sessions open at all gates.",
        static_cast<double>(from_.routes.open_sessions()));
  text.begin("howdah_firewall_denied_total", "counter",
             "Connections that firewalls refused since howdahd started.");
  text.value(static_cast<double>(from_.denied.total()));
  gauge(text, "howdah_orphan_instances", "Instances that belong to no branch in the catalog.",
        static_cast<double>(from_.databases.reconciler().orphans()));
}

// What the catalog has to say is left out while it does not answer.
asio::awaitable<void> Metrics::write_catalog(MetricsText& text) {
  const auto databases = co_await database_store::count_by_status(platform_.catalog.pool());
  gauge(text, "howdah_catalog_up", "1 while the catalog answers.", databases ? 1 : 0);
  if (!databases) co_return;
  text.begin("howdah_databases", "gauge", "Databases by desired status.");
  for (const auto& [status, count] : *databases) {
    text.value(static_cast<double>(count), {{"status", status}});
  }
  const auto jobs = co_await metrics_store::unfinished_jobs(platform_.catalog.pool());
  if (!jobs) co_return;
  text.begin("howdah_jobs", "gauge", "Jobs that are not final, by state.");
  for (const auto& [state, count] : *jobs) {
    text.value(static_cast<double>(count), {{"state", state}});
  }
}

}  // namespace howdah::control

// The access log on spdlog's thread: an IO thread only queues a line.
#include "server/access_log.h"

#include <spdlog/async.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

namespace hearth {
namespace {

constexpr size_t kQueuedLines = 8192;

std::string shown(const std::string& text) { return text.empty() ? "-" : text; }

}  // namespace

Result<std::function<void(const AccessRecord&)>> open_access_log(const std::string& path) {
  std::shared_ptr<spdlog::sinks::sink> sink;
  try {
    if (path == "-") {
      sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    } else {
      sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(path);
    }
  } catch (const spdlog::spdlog_ex& failure) {
    return error("serve: access log '{}' cannot be opened: {}", path, failure.what());
  }
  auto thread = std::make_shared<spdlog::details::thread_pool>(kQueuedLines, 1);
  auto log =
      std::make_shared<spdlog::async_logger>("access", sink, thread, spdlog::async_overflow_policy::overrun_oldest);
  log->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %v");
  log->flush_on(spdlog::level::info);
  return std::function<void(const AccessRecord&)>([thread, log](const AccessRecord& record) {
    const double ms = std::chrono::duration<double, std::milli>(record.duration).count();
    log->info("{} {} {} {} {} {:.1f}{}", record.peer, shown(record.method), shown(record.path), record.status,
              record.bytes, ms, record.gone ? " gone" : "");
  });
}

}  // namespace hearth

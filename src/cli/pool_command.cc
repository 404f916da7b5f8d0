#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "cli/cache_folder.h"
#include "cli/context.h"
#include "cli/json_text.h"
#include "cli/run_printer.h"
#include "cli/run_request.h"
#include "pool/service.h"
#include "run/execute.h"
#include "run/pool_client.h"
#include "store/runs.h"
#include "sys/files.h"
#include "sys/loop.h"
#include "sys/process.h"
#include "sys/stop_signals.h"

namespace kiln::cli {
namespace {

using nlohmann::json;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr unsigned kUsualSize = 2;
constexpr size_t kShownKey = 12;
/// The service plans a machine meanwhile, which may mean unpacking a kernel.
constexpr Duration kAnswerLimit = seconds(30);
/// Waking a clone under emulation on a busy host takes a second or two.
constexpr Duration kWarmLimit = minutes(10);
constexpr Duration kStartLimit = seconds(30);
constexpr Duration kBetweenTries = std::chrono::milliseconds(10);
constexpr std::string_view kReady = "ready\n";

// What a run would find: its folders, made and checked.
struct Ground {
  config::Paths paths;
  std::unique_ptr<sys::Loop> loop;
  sys::SystemSpawner spawner;
};

Result<> Prepare(Context& context, Ground& ground) {
  KILN_TRY(SettleCache(context));
  ground.paths = context.paths;
  ground.paths.runtime = KILN_TRY(config::EnsureRuntime(ground.paths, context.user));
  ground.loop = KILN_TRY(sys::Loop::Create(context.clock));
  return {};
}

run::World WorldOf(Context& context, Ground& ground, run::Streams streams, run::Observer& observer) {
  return {.clock = context.clock,
          .started = context.started,
          .loop = *ground.loop,
          .spawner = ground.spawner,
          .log = context.log,
          .paths = ground.paths,
          .environment = context.environment,
          .streams = streams,
          .observer = observer};
}

Result<unsigned> SizeOf(const Parsed& parsed) {
  if (!parsed.Has("--size")) return kUsualSize;
  const auto size = ParseUnsigned(parsed.Last("--size"));
  if (!size || *size == 0 || *size > run::kMostClones)
    return MakeError(ErrorCode::kInvalidArgument, "--size {}: not a whole number from 1 to {}",
                     Printable(parsed.Last("--size")), run::kMostClones);
  return static_cast<unsigned>(*size);
}

// Runs `true` in the machine, as the first run of it makes its template.
Result<> MakeTemplate(Context& context, Ground& ground, const run::Request& machine) {
  run::Request request = machine;
  request.command = {"true"};
  request.directory = {};
  request.pool = false;
  const sys::Fd null = KILN_TRY(sys::Open("/dev/null", O_RDWR));
  const sys::TempDir scratch = KILN_TRY(sys::TempDir::Create(ground.paths.runtime, "pool"));
  RunObserver observer(context.terminal, {});
  run::World world =
      WorldOf(context, ground, {.input = null.get(), .output = null.get(), .errors = null.get()}, observer);
  store::RunStore runs(scratch.path(), ground.paths.runtime, context.clock, context.log);
  const run::Outcome outcome = run::Execute(request, world, runs);
  observer.Clear();
  if (outcome.verdict == run::Verdict::kPass || outcome.verdict == run::Verdict::kFail) return {};
  return Error(outcome.bad_input ? ErrorCode::kInvalidArgument : ErrorCode::kUnavailable, outcome.cause)
      .Context("booting the machine once, for its template")
      .Hint(outcome.hint);
}

Result<> EnsureTemplate(Context& context, Ground& ground, const run::Request& request) {
  run::Observer silent;
  run::World world = WorldOf(context, ground, {}, silent);
  run::Timings timings;
  const run::Plan plan = KILN_TRY(run::MakePlan(request, world, timings));
  store::Cache cache(ground.paths.cache, context.clock, context.log);
  // One that is damaged is made again by the run.
  const auto found = run::FindTemplate(plan, cache);
  if (!found && found.error().code() == ErrorCode::kUnsupported) return found.error();
  if (found && *found) return {};
  KILN_TRY(MakeTemplate(context, ground, request));
  if (KILN_TRY(run::FindTemplate(plan, cache))) return {};
  return MakeError(ErrorCode::kBusy,
                   "the machine booted but left no template; perhaps another kiln is making it")
      .Hint("try again in a moment");
}

Result<run::PoolAnswer> Ask(int socket, const run::PoolQuestion& question) {
  KILN_TRY(run::SendPacket(socket, run::Encode(question)));
  const auto packet = KILN_TRY(run::ReceivePacket(socket));
  if (packet.message.empty()) return MakeError(ErrorCode::kUnavailable, "the pool's service hung up");
  auto answer = KILN_TRY(run::ParsePoolAnswer(packet.message));
  if (answer.error) return *answer.error;
  return answer;
}

Result<std::optional<sys::Fd>> Connect(Context& context, Duration limit) {
  const std::string runtime = KILN_TRY(config::EnsureRuntime(context.paths, context.user));
  return run::ConnectToPool(sys::JoinPath(runtime, run::kPoolSocket), limit);
}

// Turns until the service is done; SIGTERM and the like end it with all that it has.
Result<> Serve(sys::Loop& loop, pool::Service& service) {
  const auto signals = KILN_TRY(sys::StopSignals::Create(loop));
  signals->Listen([&service](int) { service.Stop(true); });
  KILN_TRY(loop.RunUntil([&service] { return service.has_ended(); }));
  return {};
}

Result<int> ServeHere(Context& context, Ground& ground, const run::Request& request, unsigned size) {
  run::Observer silent;
  run::World world = WorldOf(context, ground, {}, silent);
  const auto stable = pool::MakeStable(world);
  const auto service = KILN_TRY(pool::Service::Open(ground.paths.runtime, *ground.loop, *stable));
  std::optional<Error> failed;
  service->Add(request, size, [&](const Result<>& ready) {
    if (ready) return context.log.Info("{} clones wait", size);
    failed = ready.error();
    service->Stop(false);
  });
  KILN_TRY(Serve(*ground.loop, *service));
  if (failed) return std::move(*failed);
  return 0;
}

// Starts the service and waits until it listens. False: another kiln has started one meanwhile, which is as
// good.
Result<bool> StartService(Ground& ground) {
  sys::PipeEnds said = KILN_TRY(sys::Pipe());
  const std::string executable = KILN_TRY(sys::ReadLink("/proc/self/exe"));
  sys::Child child =
      KILN_TRY(ground.spawner.Spawn({.argv = {executable, "pool", "serve"},
                                     .directory = "/",
                                     .descriptors = {{1, said.write.get()}, {2, said.write.get()}},
                                     .outlives_parent = true,
                                     .own_session = true}),
               "starting the pool's service");
  said.write.Reset();
  std::string words;
  bool closed = false;
  const auto reading = KILN_TRY(ground.loop->Watch(said.read.get(), EPOLLIN, [&](uint32_t) {
    std::array<char, 4096> buffer{};
    const auto count = sys::ReadSome(said.read.get(), buffer.data(), buffer.size());
    closed = !count || *count == 0;
    if (!closed) words.append(buffer.data(), *count);
  }));
  const auto done = KILN_TRY(ground.loop->RunUntil([&] { return closed || words.ends_with(kReady); },
                                                   ground.loop->clock().Now() + kStartLimit));
  if (!done) return MakeError(ErrorCode::kTimeout, "the pool's service did not begin to listen");
  if (!closed) {
    child.Abandon();
    return true;
  }
  if (words.find("a pool runs already") != std::string::npos) return false;
  return MakeError(ErrorCode::kUnavailable, "the pool's service did not start: {}", Printable(Trim(words)));
}

// A service that holds its lock listens soon.
Result<std::optional<sys::Fd>> ConnectToStarting(Context& context, sys::Loop& loop) {
  const TimePoint end = loop.clock().Now() + kStartLimit;
  for (;;) {
    auto socket = KILN_TRY(Connect(context, kWarmLimit));
    const TimePoint now = loop.clock().Now();
    if (socket || now >= end) return socket;
    KILN_TRY(loop.RunUntil([] { return false; }, now + kBetweenTries));
  }
}

std::vector<std::vector<Cell>> Rows(const json& status) {
  std::vector<std::vector<Cell>> rows;
  for (const auto& machine : status.value("machines", json::array())) {
    uint64_t held = 0;
    for (const auto& clone : machine.value("clones", json::array()))
      held += clone.value("pss_bytes", uint64_t{0});
    const std::string problem = machine.contains("problem") && machine["problem"].is_string()
                                    ? machine["problem"].get<std::string>()
                                    : "";
    const std::string key =
        machine.contains("key") && machine["key"].is_string() ? machine["key"].get<std::string>() : "-";
    rows.push_back({{key.substr(0, kShownKey), Style::kBold},
                    {fmt::format("{} of {} waiting", machine.value("waiting", 0), machine.value("size", 0))},
                    {fmt::format("{} lent", machine.value("lent", 0))},
                    {FormatSize(held)},
                    problem.empty() ? Cell{Printable(fmt::format("{}, {} root", machine.value("kernel", ""),
                                                                 machine.value("root", "")))}
                                    : Cell{Printable(problem), Style::kWarn}});
  }
  return rows;
}

Result<> ShowStatus(Context& context, const std::string& text, bool as_json) {
  json status = json::parse(text, nullptr, false);
  if (!status.is_object()) return MakeError(ErrorCode::kCorrupt, "the pool's service answered nonsense");
  if (as_json) {
    status["running"] = true;
    return context.terminal.Print(JsonText(status));
  }
  const auto rows = Rows(status);
  std::string out = rows.empty() ? "The pool keeps no machine.\n" : Table(context.terminal, rows);
  if (status.value("stopping", false)) out += "It ends when the machines that are lent are back.\n";
  return context.terminal.Print(out);
}

Result<int> ShowNone(Context& context, bool as_json) {
  KILN_TRY(context.terminal.Print(
      as_json ? JsonText({{"schema", 1}, {"running", false}, {"machines", json::array()}})
              : std::string("No pool runs. `kiln pool start` starts one.\n")));
  return 0;
}

}  // namespace

Result<int> PoolStartCommand(Context& context, const Parsed& parsed) {
  const auto settings = KILN_TRY(config::Load(SettingsRequest(context, parsed)));
  const auto request = KILN_TRY(MachineRequest(settings, context.current));
  const unsigned size = KILN_TRY(SizeOf(parsed));
  Ground ground;
  KILN_TRY(Prepare(context, ground));
  KILN_TRY(EnsureTemplate(context, ground, request));
  if (parsed.Has("--foreground")) return ServeHere(context, ground, request, size);

  auto socket = KILN_TRY(Connect(context, kWarmLimit));
  if (!socket) {
    const bool is_ours = KILN_TRY(StartService(ground));
    socket = KILN_TRY(is_ours ? Connect(context, kWarmLimit) : ConnectToStarting(context, *ground.loop));
  }
  if (!socket)
    return MakeError(ErrorCode::kUnavailable, "the pool's service ended as soon as it had started");
  ProgressLine line(context.terminal);
  line.Show(fmt::format("waking {} clones", size));
  const auto answer =
      KILN_TRY(Ask(socket->get(), {.kind = run::PoolQuestion::Kind::kAdd, .request = request, .size = size}),
               "the pool");
  line.Clear();
  KILN_TRY(ShowStatus(context, answer.text, parsed.Has("--json")));
  return 0;
}

Result<int> PoolServeCommand(Context& context, const Parsed&) {
  Ground ground;
  KILN_TRY(Prepare(context, ground));
  run::Observer silent;
  run::World world = WorldOf(context, ground, {}, silent);
  const auto stable = pool::MakeStable(world);
  const auto service = KILN_TRY(pool::Service::Open(ground.paths.runtime, *ground.loop, *stable));
  KILN_TRY(context.terminal.Print(kReady));
  KILN_TRY(Serve(*ground.loop, *service));
  return 0;
}

Result<int> PoolStatusCommand(Context& context, const Parsed& parsed) {
  const auto socket = KILN_TRY(Connect(context, kAnswerLimit));
  if (!socket) return ShowNone(context, parsed.Has("--json"));
  const auto answer = KILN_TRY(Ask(socket->get(), {.kind = run::PoolQuestion::Kind::kStatus}));
  KILN_TRY(ShowStatus(context, answer.text, parsed.Has("--json")));
  return 0;
}

Result<int> PoolStopCommand(Context& context, const Parsed& parsed) {
  const auto socket = KILN_TRY(Connect(context, kAnswerLimit));
  if (!socket) return ShowNone(context, parsed.Has("--json"));
  const bool now = parsed.Has("--now");
  const auto answer = KILN_TRY(Ask(socket->get(), {.kind = run::PoolQuestion::Kind::kStop, .now = now}));
  const json status = json::parse(answer.text, nullptr, false);
  int lent = 0;
  for (const auto& machine : status.is_object() ? status.value("machines", json::array()) : json::array())
    lent += machine.value("lent", 0);
  // The service holds the connection until its end.
  if (lent == 0 || now) (void)run::ReceivePacket(socket->get());
  const int left = now ? 0 : lent;
  if (parsed.Has("--json")) {
    KILN_TRY(context.terminal.Print(JsonText({{"schema", 1}, {"running", left > 0}, {"lent", left}})));
    return 0;
  }
  KILN_TRY(context.terminal.Print(
      left == 0 ? std::string("The pool has ended.\n")
                : fmt::format("The pool ends with the {} run{} that it has lent a machine to.\n", left,
                              left == 1 ? "" : "s")));
  return 0;
}

}  // namespace kiln::cli

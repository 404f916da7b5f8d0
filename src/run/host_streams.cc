#include "run/host_streams.h"

#include <fcntl.h>
#include <signal.h>

#include <algorithm>

namespace kiln::run {
namespace {

constexpr Duration kEscapeTime = std::chrono::seconds(1);
constexpr size_t kInputPiece = 65536;

}  // namespace

Result<Capture> Capture::Create(const std::string& path) {
  Capture capture;
  if (!path.empty()) capture.fd_ = KILN_TRY(sys::Open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600));
  return capture;
}

void Capture::Add(std::string_view bytes) {
  const uint64_t kept = std::min<uint64_t>(total_, kLimit);
  total_ += bytes.size();
  if (!fd_ || kept == kLimit) return;
  // A full disk must not stop the run; the file then ends early, as its size against run.json's total shows.
  if (!sys::WriteAll(fd_.get(), bytes.substr(0, kLimit - kept))) fd_.Reset();
}

bool EscapeFilter::Typed(std::string_view bytes, TimePoint now) {
  for (const char byte : bytes) {
    for (Run* run : {&escape_, &interrupt_}) {
      if (byte != run->key) {
        run->seen = 0;
        continue;
      }
      if (run->seen == 0 || now - run->first > kEscapeTime) {
        run->seen = 0;
        run->first = now;
      }
      if (++run->seen == run->needed && (run != &interrupt_ || interrupt_counts_)) return true;
    }
  }
  return false;
}

HostStreams::HostStreams(World& world, const Options& options, std::function<void()> wants_out)
    : world_(world),
      options_(options),
      wants_out_(std::move(wants_out)),
      input_(world.loop, world.streams.input,
             {.bytes =
                  [this](std::string_view bytes) {
                    if (options_.terminal && filter_.Typed(bytes, world_.clock.Now())) return wants_out_();
                    if (command_ != nullptr) {
                      command_->SendInput(bytes);
                      InputRoom(command_->input_room());
                    }
                  },
              .ended =
                  [this] {
                    if (command_ != nullptr) command_->EndInput();
                  }}),
      output_(world.loop, world.streams.output,
              {.written =
                   [this](size_t count) {
                     if (command_ != nullptr) command_->Consumed(wire::kStdout, count);
                   },
               .broken =
                   [this] {
                     // Nobody reads: as locally, the command is told with SIGPIPE.
                     if (command_ != nullptr) command_->Signal(SIGPIPE);
                   }}),
      errors_(world.loop, world.streams.errors,
              {.written =
                   [this](size_t count) {
                     if (command_ != nullptr) command_->Consumed(wire::kStderr, count);
                   },
               .broken = {}}),
      filter_(!options.is_shell) {}

HostStreams::~HostStreams() = default;

Result<std::unique_ptr<HostStreams>> HostStreams::Create(World& world, const Options& options,
                                                         std::function<void()> wants_out) {
  std::unique_ptr<HostStreams> streams(new HostStreams(world, options, std::move(wants_out)));
  streams->stdout_capture_ = KILN_TRY(Capture::Create(options.stdout_capture));
  streams->stderr_capture_ = KILN_TRY(Capture::Create(options.stderr_capture));
  return streams;
}

void HostStreams::Attach(vm::GuestCommand& command) {
  command_ = &command;
  if (options_.terminal) {
    if (auto raw = sys::RawMode::Enter(world_.streams.input)) raw_.emplace(std::move(*raw));
    auto resize = world_.loop.OnSignal(SIGWINCH, [this] {
      const auto size = sys::GetWindowSize(world_.streams.output);
      if (size && command_ != nullptr) command_->Resize(size->rows, size->columns);
    });
    if (resize) resize_ = std::move(*resize);
  }
  if (options_.standard_input) InputRoom(command.input_room());
}

void HostStreams::Detach() {
  command_ = nullptr;
  input_.Allow(0);
  resize_.Reset();
}

void HostStreams::Output(uint8_t stream, std::string_view bytes) {
  const bool is_stdout = stream == wire::kStdout;
  (is_stdout ? stdout_capture_ : stderr_capture_).Add(bytes);
  (is_stdout ? output_ : errors_).Write(std::string(bytes));
}

void HostStreams::InputRoom(size_t room) {
  if (options_.standard_input && command_ != nullptr) input_.Allow(std::min(room, kInputPiece));
}

void HostStreams::InputClosed() { input_.Allow(0); }

}  // namespace kiln::run

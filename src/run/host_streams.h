#pragma once

#include <memory>
#include <optional>
#include <string>

#include "run/world.h"
#include "sys/borrowed.h"
#include "sys/terminal.h"
#include "vm/guest_command.h"

namespace kiln::run {

/// Keeps the first bytes of an output stream in a file of the bundle.
class Capture {
 public:
  static constexpr size_t kLimit = size_t{16} << 20;
  /// An empty path keeps nothing.
  static Result<Capture> Create(const std::string& path);
  void Add(std::string_view bytes);
  uint64_t total() const { return total_; }
  bool truncated() const { return total_ > kLimit; }

 private:
  sys::Fd fd_;
  uint64_t total_ = 0;
};

/// Watches typed bytes for the ways out of a raw terminal: `^]` three times within a second always; Ctrl-C
/// twice within a second when `interrupt_counts` (a command was named; in a shell Ctrl-C belongs to the
/// shell).
class EscapeFilter {
 public:
  explicit EscapeFilter(bool interrupt_counts) : interrupt_counts_(interrupt_counts) {}
  /// True when the user wants out.
  bool Typed(std::string_view bytes, TimePoint now);

 private:
  struct Run {
    char key;
    int needed;
    int seen = 0;
    TimePoint first{};
  };
  bool interrupt_counts_;
  Run escape_{.key = '\x1d', .needed = 3};
  Run interrupt_{.key = '\x03', .needed = 2};
};

/// Connects the caller's standard streams with a command in the guest. The terminal, when there is one, is
/// raw while this lives.
class HostStreams {
 public:
  struct Options {
    bool terminal = false;        ///< The guest has a pseudo-terminal for us.
    bool standard_input = false;  ///< Feed the caller's input to the command.
    bool is_shell = false;
    std::string stdout_capture;  ///< Files of the bundle, or empty.
    std::string stderr_capture;
  };
  /// `wants_out` is called when the user typed the way out.
  static Result<std::unique_ptr<HostStreams>> Create(World& world, const Options& options,
                                                     std::function<void()> wants_out);
  ~HostStreams();

  /// From here on input flows to `command` (until Detach) and output is acknowledged to it.
  void Attach(vm::GuestCommand& command);
  void Detach();
  void Output(uint8_t stream, std::string_view bytes);
  void InputRoom(size_t room);
  void InputClosed();
  /// Bytes of output that have not been taken yet; they leave as the loop turns.
  size_t queued() const { return output_.queued() + errors_.queued(); }
  /// Leaves raw mode early, so that messages look right.
  void Restore() { raw_.reset(); }

 private:
  HostStreams(World& world, const Options& options, std::function<void()> wants_out);

  World& world_;
  Options options_;
  std::function<void()> wants_out_;
  vm::GuestCommand* command_ = nullptr;
  std::optional<sys::RawMode> raw_;
  sys::Loop::Handle resize_;
  sys::Inlet input_;
  sys::Outlet output_;
  sys::Outlet errors_;
  EscapeFilter filter_;
  Capture stdout_capture_;
  Capture stderr_capture_;
};

}  // namespace kiln::run

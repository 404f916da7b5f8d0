#pragma once

#include <cstdint>
#include <string_view>

namespace kiln::console {

/// Who printed a line, as CONFIG_PRINTK_CALLER shows it: "[T123]" a task, "[C0]" an interrupt on a CPU.
struct Caller {
  enum class Kind : uint8_t { kUnknown, kTask, kCpu };
  Kind kind = Kind::kUnknown;
  uint32_t id = 0;

  friend bool operator==(const Caller&, const Caller&) = default;
};

/// Points of a boot that a watcher of the console waits for. Found by the words that the kernel prints.
enum class Milestone : uint8_t {
  kNone,
  kDecompress,  ///< "Decompressing Linux": the boot loader has handed over.
  kBanner,      ///< "Linux version ...": the kernel proper runs; a second one is a second boot.
  kInit,        ///< "Run /init as init process": the kernel has done its part.
  kPanic,       ///< "Kernel panic - not syncing".
  kRestart,     ///< "reboot: Restarting system" and its like.
  kPowerOff,    ///< "reboot: Power down" or "System halted".
};
std::string_view Name(Milestone milestone);

inline constexpr int64_t kNoTime = -1;
inline constexpr int8_t kNoLevel = -1;

/// One line of a console. The views live until the sink returns.
struct Record {
  /// Lines before this one in the stream.
  uint64_t line = 0;
  /// Byte offset in the stream at which the line begins, and behind its newline.
  uint64_t begin = 0;
  uint64_t end = 0;
  /// Microseconds since boot, or since the Epoch where the log gives absolute times; kNoTime without.
  int64_t time_us = kNoTime;
  /// 0 (emergency) to 7 (debug), or kNoLevel.
  int8_t level = kNoLevel;
  Caller caller;
  /// The line carried a printk prefix (time, level or journal): the kernel or a logger said it. Without, it
  /// may be user space, firmware, or a kernel with printk times off.
  bool from_kernel = false;
  /// The line was longer than the limit and its rest is not here.
  bool cut = false;
  Milestone milestone = Milestone::kNone;
  /// Without prefix, carriage returns, colours and other control bytes (tabs stay). Not necessarily UTF-8.
  std::string_view text;
};

/// Takes what a reader finds.
class RecordSink {
 public:
  virtual ~RecordSink() = default;
  virtual void OnRecord(const Record& record) = 0;
};

}  // namespace kiln::console

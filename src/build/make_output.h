#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kiln::build {

/// One thing that Kbuild says it does: "  CC [M]  fs/ext4/inode.o".
struct Step {
  std::string verb;  ///< "CC".
  std::string target;
  bool module = false;
  /// Something is compiled, assembled, linked or generated; not only checked, called or entered.
  bool makes = false;
};
/// Nothing when the line is no such thing. Source of the format: scripts/Kbuild.include (echo-cmd).
std::optional<Step> ParseStep(std::string_view line);

/// A warning as a compiler, linker or Kbuild's own tools give it.
struct Warning {
  std::string file;  ///< Empty when it names none.
  int line = 0;      ///< 0 when it names none.
  std::string text;  ///< What follows "warning:".
  friend bool operator==(const Warning&, const Warning&) = default;
};
std::optional<Warning> ParseWarning(std::string_view line);

/// "make[3]: *** [/src/scripts/Makefile.build:250: fs/ext4/inode.o] Error 1".
struct MakeFailure {
  std::string target;  ///< "fs/ext4/inode.o"; empty when the line names none.
  std::string reason;  ///< "Error 1", "Killed", "No rule to make target 'x', needed by 'y'.  Stop.".
};
std::optional<MakeFailure> ParseMakeFailure(std::string_view line);

/// The first thing that went wrong, whole.
struct FirstError {
  std::vector<std::string>
      lines;         ///< From the step that failed to make's own line; unprintable bytes as they came.
  std::string file;  ///< Of the first "file:line: error:"; may be empty.
  int line = 0;
  MakeFailure failure;
};

/// Reads what make prints, as it comes, with any line lengths, in constant memory. Pure.
class MakeOutput {
 public:
  void Feed(std::string_view bytes);
  /// There is no more: an unfinished line counts.
  void End();

  /// Steps that make something, so far.
  size_t made() const { return made_; }
  /// The last of them; empty before the first.
  const Step& current() const { return current_; }
  /// All warnings were counted; the first kMaxWarnings, each once, are kept.
  size_t warning_count() const { return warning_count_; }
  const std::vector<Warning>& warnings() const { return warnings_; }
  /// What went wrong first; nothing while nothing did. Whole once make has said so itself.
  std::optional<FirstError> first_error() const;
  /// The last lines, for what nobody understood.
  const std::vector<std::string>& tail() const { return tail_; }
  /// What is neither a step nor a warning nor make's own: what targets like kernelrelease are made for. Up to
  /// kMaxSaid bytes of it.
  const std::vector<std::string>& said() const { return said_; }

  static constexpr size_t kMaxWarnings = 500;
  static constexpr size_t kMaxLine = 8192;
  static constexpr size_t kMaxGroup = 400;
  static constexpr size_t kMaxTail = 40;
  static constexpr size_t kMaxSaid = size_t{1} << 20;

 private:
  void Line(std::string_view line);
  void NoteError(std::string_view line);
  void NoteFailure(std::string_view line);

  std::string partial_;
  bool cut_ = false;  // The rest of an overlong line is passed over.
  size_t made_ = 0;
  Step current_;
  size_t warning_count_ = 0;
  std::vector<Warning> warnings_;
  std::vector<std::string> group_;  // Lines since the last step.
  std::string error_file_;          // Of the group.
  int error_line_ = 0;
  std::optional<FirstError> first_error_;
  std::vector<std::string> tail_;
  std::vector<std::string> said_;
  size_t said_bytes_ = 0;
};

}  // namespace kiln::build

#pragma once

#include "process.h"

/// A child that is forked before anything needs it, so that a template holds it: a clone that only has to
/// tell it what to do spends nothing on beginning and ending processes.
namespace kiln::agent {

class Spare {
 public:
  /// Longest payload it takes.
  static constexpr size_t kLongest = size_t{16} * 1024;
  /// Its name (/proc/PID/comm) while it waits.
  static constexpr const char* kName = "kiln-spare";

  /// What the parent has of a request that was given to it: the process, the end to read StatusRecords from,
  /// and the ends of its standard streams (-1 where there is none; all non-blocking).
  struct Lent {
    pid_t pid = 0;
    int status = -1;
    int in = -1;
    int out[2] = {-1, -1};
  };

  /// Forks it; when that fails there is none. With `follow_root` it goes along when this process changes its
  /// root (clone's CLONE_FS, until it runs a command).
  void Fork(bool follow_root);
  /// Gives it a Mount or an Exec (`exec_flags` as in Exec; none for a Mount). False when it takes no such
  /// thing, is busy or gone. After an Exec it is a spare no longer; of a Mount the last record is kDone, and
  /// `status` is to be given back then.
  bool Give(wire::Type type, View payload, uint32_t exec_flags, Lent& lent);
  void GiveBack(int status);
  /// It, or what it was lent for, has ended.
  void Forget();
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = 0;
  int orders_ = -1;
  int status_ = -1;  // -1 while lent.
  int in_ = -1;
  int out_[2] = {-1, -1};
};

}  // namespace kiln::agent

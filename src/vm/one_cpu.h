#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sys/affinity.h"
#include "sys/fd.h"
#include "sys/loop.h"

/// An emulator of one CPU is several threads that mostly wait for each other: the guest's CPU asks, a
/// device's thread answers, kiln reads. Spread over the host's CPUs each question and each answer wakes
/// another CPU, and each page of a template that is written to interrupts it; where the host itself is a
/// virtual machine, that takes longer than the work.
namespace kiln::vm {

/// How busy the host's CPUs were until a moment, and how much of that were the processes that are kept
/// together; clock ticks.
struct CpuUse {
  std::vector<sys::CpuTime> cpus;
  uint64_t own = 0;
};

/// The CPU to go to, when others have used more than a fifth of `current` between two looks and there is one
/// that was less than half as busy. Of several the idlest.
std::optional<int> QuieterCpu(const CpuUse& before, const CpuUse& now, int current, const sys::Cpus& allowed);

/// Keeps this thread and an emulator on one CPU of the host, which no other kiln takes at the
/// same time, and moves them to another one when somebody else keeps it busy.
class OneCpu {
 public:
  /// Takes the CPU that this thread is on, or another one that is free; from here on what this process
  /// starts is on it too. Nothing where the host has one CPU for us, or none that is free. `among`: see
  /// sys::ClaimCpu.
  static Result<std::unique_ptr<OneCpu>> Take(sys::Loop& loop, std::string among = "kiln");
  /// This thread may run where it could before.
  ~OneCpu();
  OneCpu(const OneCpu&) = delete;
  OneCpu& operator=(const OneCpu&) = delete;

  /// Takes the emulator along. `is_here`: it was started since, so it is on this CPU already.
  Result<> Follow(pid_t emulator, bool is_here);
  int cpu() const { return cpu_; }

 private:
  OneCpu(sys::Loop& loop, std::string among, sys::Cpus allowed)
      : loop_(loop), among_(std::move(among)), allowed_(std::move(allowed)) {}
  Result<bool> Claim(int cpu);
  CpuUse Look() const;
  void LookAgainLater();
  void LookAgain();

  sys::Loop& loop_;
  std::string among_;
  sys::Cpus allowed_;
  int cpu_ = -1;
  sys::Fd claim_;
  pid_t emulator_ = 0;
  CpuUse last_;
  sys::Loop::Handle timer_;
};

}  // namespace kiln::vm

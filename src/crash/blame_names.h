#pragma once

#include <span>
#include <string_view>

/// Families of kernel functions, as patterns for NameSet.
namespace kiln::crash::names {

using Names = std::span<const std::string_view>;

Names Print();
Names FaultEntry();
Names Sanitizer();
Names Memory();
Names Allocator();
Names Lock();
Names Structure();
Names FaultInjection();
Names Entry();
Names Objects();
Names Sleep();
Names Rcu();
Names Leak();
Names Page();
Names Lockdep();
Names Rust();
Names Hang();
Names Stall();
Names Usercopy();
Names Dispatchers();
Names SystemCalls();
Names TimerInterrupts();

}  // namespace kiln::crash::names

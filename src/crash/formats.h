#pragma once

#include <span>

#include "crash/format.h"

/// The tables behind Headers(), one function a family of messages.
namespace kiln::crash::formats {

std::span<const MessageFormat> Bug();
std::span<const MessageFormat> KernelBug();
std::span<const MessageFormat> SlabBug();
std::span<const MessageFormat> Warning();
std::span<const MessageFormat> Info();
std::span<const MessageFormat> Unable();
std::span<const MessageFormat> Fault();
std::span<const MessageFormat> Ubsan();
std::span<const MessageFormat> Panic();
std::span<const MessageFormat> Other();
std::span<const MessageFormat> Rust();
std::span<const MessageFormat> Lockup();
std::span<const MessageFormat> Leak();
std::span<const MessageFormat> Die();

}  // namespace kiln::crash::formats

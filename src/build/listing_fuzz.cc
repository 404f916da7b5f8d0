#include "base/check.h"
#include "build/checkout.h"
#include "build/listing.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto listing = kiln::build::ParseListing(bytes))
    KILN_CHECK(kiln::build::SerializeListing(*listing) == bytes);
  (void)kiln::build::ParseLsTree(bytes);
  return 0;
}

#include "expand/services.h"

#include "src/base/file.h"
#include "src/base/limits.h"

namespace signet::expand {

FileText Services::ReadFile(const std::string& path) {
  FileText file;
  RunBlocking([&] {
    auto text = ReadRegularFile(path, limits::kLookupFileMaxBytes);
    if (text.ok())
      file.text = std::make_shared<const std::string>(std::move(text).value());
    else
      file.trouble = text.error();
  });
  return file;
}

}  // namespace signet::expand

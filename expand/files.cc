#include "expand/files.h"

#include <cerrno>
#include <string>

#include "expand/query.h"

namespace signet::expand {

bool StatFile(Evaluation& e, const Node& node, const Text& path, FileStatus* file) {
  Origins from = path.origins() & kOutsiders;
  if (from != 0)
    return e.FailTemporarily(
        node, "text from " + std::string(NameOfOrigin(from)) + " in the name of a file");
  if (path.text.find('\0') != std::string_view::npos)
    return e.FailPermanently(node, "NUL in the name of a file");
  const std::string name(path.text);
  return e.RunBlocking(node,
                       [&] { file->error = ::stat(name.c_str(), &file->status) == 0 ? 0 : errno; });
}

}  // namespace signet::expand

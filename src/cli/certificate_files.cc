#include "src/cli/certificate_files.h"

#include <algorithm>
#include <filesystem>

#include "src/base/file.h"
#include "src/base/limits.h"

namespace signet::cli {
namespace {

namespace fs = std::filesystem;

// Whether a path, links resolved, lies below another one.
bool IsBelow(const fs::path& path, const fs::path& root) {
  const auto ends = std::mismatch(root.begin(), root.end(), path.begin(), path.end());
  return ends.first == root.end();
}

class Finder {
 public:
  Finder(fs::path root, std::size_t most) : root_(std::move(root)), most_(most) {}

  Result<FoundFiles, std::string> Run() {
    std::error_code error;
    real_root_ = fs::canonical(root_, error);
    if (!error && !fs::is_directory(real_root_, error))
      error = std::make_error_code(std::errc::not_a_directory);
    if (!error) Walk(root_, 0, error);
    if (error) return Err{"cannot read \"" + root_.string() + "\": " + error.message()};
    if (found_.paths.size() > most_)
      return Err{"more than " + std::to_string(most_) + " files below \"" + root_.string() + '"'};
    std::sort(found_.paths.begin(), found_.paths.end());
    std::sort(found_.left_out.begin(), found_.left_out.end());
    return std::move(found_);
  }

 private:
  std::string Relative(const fs::path& path) const {
    return path.lexically_relative(root_).string();
  }
  void LeaveOut(const fs::path& path, const std::string& why) {
    found_.left_out.push_back(Relative(path) + ": " + why);
  }

  void Walk(const fs::path& directory, std::size_t depth, std::error_code& error) {
    fs::directory_iterator entry(directory, error);
    for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
      if (found_.paths.size() > most_) return;
      Look(entry->path(), depth);
    }
  }

  void Look(const fs::path& path, std::size_t depth) {
    std::error_code error;
    const fs::file_status status = fs::symlink_status(path, error);
    if (fs::is_regular_file(status)) {
      found_.paths.push_back(Relative(path));
    } else if (fs::is_symlink(status)) {
      Link(path);
    } else if (fs::is_directory(status)) {
      if (depth + 1 >= limits::kCertificateTreeDepth) return LeaveOut(path, "too deep");
      Walk(path, depth + 1, error);
      if (error) LeaveOut(path, error.message());
    }
  }

  void Link(const fs::path& path) {
    std::error_code error;
    const fs::path real = fs::canonical(path, error);
    if (error) return LeaveOut(path, error.message());
    if (fs::is_directory(real, error)) return LeaveOut(path, "a link to a directory");
    if (!IsBelow(real, real_root_)) return LeaveOut(path, "a link that leads out");
    if (fs::is_regular_file(real, error)) found_.paths.push_back(Relative(path));
  }

  const fs::path root_;
  const std::size_t most_;
  fs::path real_root_;
  FoundFiles found_;
};

bool LooksLikeDer(std::string_view text) {
  constexpr char kSequence = 0x30;
  return text.size() > 4 && text[0] == kSequence && (text[1] & '\x80') != 0 &&
         text.find('\0') != text.npos;
}

}  // namespace

Result<FoundFiles, std::string> FindFiles(const std::string& directory, std::size_t most) {
  std::string name = directory;
  while (name.size() > 1 && name.ends_with('/')) name.pop_back();
  return Finder(name, most).Run();
}

FileOfClients ReadClients(const std::string& path) {
  FileOfClients file;
  const auto text = ReadRegularFile(path, limits::kCertificateFileMaxBytes);
  if (!text) {
    file.trouble = text.error();
    return file;
  }
  std::vector<crypto::CertificatePtr> all;
  if (text.value().find("-----BEGIN CERTIFICATE-----") != std::string::npos) {
    auto chain = crypto::Certificate::ChainFromPem(text.value());
    if (chain)
      all = std::move(chain).value();
    else
      file.trouble = chain.error();
  } else if (LooksLikeDer(text.value())) {
    auto one = crypto::Certificate::FromDer(text.value());
    if (one)
      all = {std::move(one).value()};
    else
      file.trouble = "not a certificate: " + one.error();
  }
  for (crypto::CertificatePtr& one : all)
    (one->is_ca() ? file.authorities : file.clients).push_back(std::move(one));
  return file;
}

}  // namespace signet::cli

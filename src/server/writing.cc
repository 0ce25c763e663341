#include "src/server/writing.h"

#include <unistd.h>

#include <filesystem>
#include <regex>

#include "src/base/log.h"
#include "src/server/log_setup.h"

namespace signet::server {
namespace {

class Collector {
 public:
  explicit Collector(const config::Config& config) : config_(config) {}

  std::vector<WrittenPlace> Run() {
    const config::Main& main = config_.main;
    for (const Log::Place& place : LogSetupOf(main).places) {
      if (place.kind == Log::Place::Kind::kFile) AddFile(place.path, Writing::kAppend, "the log");
    }
    AddFile(main.pid_file_path.text, Writing::kReplace, "pid_file_path");
    AddFile(main.control_socket.text, Writing::kReplace, "control_socket");
    if (main.metrics_listen.text.starts_with('/'))
      AddFile(main.metrics_listen.text, Writing::kReplace, "metrics_listen");
    AddFile(main.decisions_file.text, Writing::kReplace, "decisions_file");
    AddFile(main.tlsrpt_file.text, Writing::kReplace, "tlsrpt_file");
    Add(main.hold_directory.text, Writing::kReplace, "hold_directory");
    for (const config::Transport& transport : config_.transports) AddMaildir(transport);
    AddDatabases();
    return std::move(places_);
  }

 private:
  void Add(const std::string& path, Writing how, const std::string& option) {
    if (path.empty()) return;
    std::error_code failed;
    const auto absolute = std::filesystem::absolute(path, failed);
    places_.push_back({absolute.lexically_normal().string(), how, option});
  }
  // The directory that the file is in: it is made there, and made anew.
  void AddFile(const std::string& path, Writing how, const std::string& option) {
    if (path.empty()) return;
    std::error_code failed;
    const bool device = std::filesystem::exists(path, failed) &&
                        !std::filesystem::is_regular_file(path, failed) &&
                        !std::filesystem::is_socket(path, failed);
    const std::size_t slash = path.rfind('/');
    const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
    Add(device ? path : directory, how, option);
  }
  void AddMaildir(const config::Transport& transport) {
    if (transport.driver != config::TransportDriver::kAppendfile || !transport.directory) return;
    const std::string text(transport.directory.span.view());
    const std::size_t expansion = text.find_first_of("$\\");
    std::string path = text.substr(0, expansion);
    if (expansion != std::string::npos) path = path.substr(0, path.rfind('/') + 1);
    Add(path.empty() ? "/" : path, Writing::kStore, "directory of transport " + transport.name);
  }
  // A lookup names its database in text of the language; where it stands in constant text it is
  // found. Others are opened for reading only, and so are those in directories that this process
  // may not write in anyway.
  void AddDatabase(const std::string& path) {
    const std::string directory = path.substr(0, path.rfind('/') + 1);
    if (::access(directory.c_str(), W_OK) == 0)
      Add(directory, Writing::kReplace, "a database of SQLite");
  }
  void AddDatabases() {
    static const std::regex kDatabase(R"(sqlite[^{}\n/$]*\{?\s*(/[^\s;{}$,]+))");
    for (const auto& text : config_.texts) {
      const std::string& all = text->text();
      for (std::sregex_iterator found(all.begin(), all.end(), kDatabase), end; found != end;
           ++found)
        AddDatabase((*found)[1].str());
    }
    const auto& options = config_.main.driver_options;
    if (const auto file = options.find("sqlite_dbfile"); file != options.end())
      AddDatabase(file->second);
  }
  const config::Config& config_;
  std::vector<WrittenPlace> places_;
};

}  // namespace

std::vector<WrittenPlace> WrittenBy(const config::Config& config) {
  return Collector(config).Run();
}

}  // namespace signet::server

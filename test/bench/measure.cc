#include "test/bench/measure.h"

#include <dirent.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <set>
#include <sstream>
#include <thread>

#include "test/support/process.h"

namespace signet::bench {
namespace {

using test::ReadFile;

// What an adopted process and the children that it had waited for have used.
double adopted_seconds = 0;

struct Status {
  pid_t parent = 0;
  pid_t group = 0;
  double waited_for_seconds = 0;  // children that have ended
};

Status StatusOf(pid_t pid) {
  Status status;
  const std::string stat = ReadFile("/proc/" + std::to_string(pid) + "/stat");
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos) return status;
  std::istringstream fields(stat.substr(name_end + 2));
  std::string skipped;
  double own[2] = {}, children[2] = {};
  fields >> skipped >> status.parent >> status.group;
  for (int i = 6; i < 14; ++i) fields >> skipped;
  fields >> own[0] >> own[1] >> children[0] >> children[1];
  status.waited_for_seconds =
      (children[0] + children[1]) / static_cast<double>(sysconf(_SC_CLK_TCK));
  return status;
}

double OwnSeconds(pid_t pid) {
  clockid_t clock;
  timespec own{};
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &own) != 0) return 0;
  return static_cast<double>(own.tv_sec) + static_cast<double>(own.tv_nsec) / 1e9;
}

std::vector<pid_t> AllProcesses() {
  std::vector<pid_t> all;
  if (DIR* directory = opendir("/proc")) {
    while (const dirent* entry = readdir(directory))
      if (const int pid = std::atoi(entry->d_name); pid > 0) all.push_back(pid);
    closedir(directory);
  }
  return all;
}

// Processes of tests lead groups of their own; what we have adopted is the rest of somebody's
// group. It is waited for here, and nobody else waits for it.
void Reap(const std::map<pid_t, Status>& all) {
  for (const auto& [pid, status] : all) {
    if (status.parent != getpid() || status.group == pid || status.group == getpgrp()) continue;
    rusage used{};
    if (wait4(pid, nullptr, WNOHANG, &used) == pid)
      adopted_seconds += static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                         static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
  }
}

// The tree below `root`, and adopted processes of its group.
std::map<pid_t, Status> Tree(pid_t root, bool reap) {
  std::map<pid_t, Status> all;
  for (const pid_t pid : AllProcesses()) all[pid] = StatusOf(pid);
  if (reap) Reap(all);
  std::map<pid_t, Status> tree;
  std::set<pid_t> known = {root};
  if (all.count(root) != 0) tree[root] = all[root];
  for (std::size_t before = 0; before != known.size();) {
    before = known.size();
    for (const auto& [pid, status] : all) {
      const bool adopted = status.parent == getpid() && status.group == root;
      if (known.count(pid) != 0 || (known.count(status.parent) == 0 && !adopted)) continue;
      known.insert(pid);
      tree[pid] = status;
    }
  }
  return tree;
}

int CountEntries(const std::string& directory) {
  std::error_code gone;
  int count = 0;
  for (auto at = std::filesystem::directory_iterator(directory, gone);
       !gone && at != std::filesystem::directory_iterator(); at.increment(gone))
    ++count;
  return count;
}

double PssKib(pid_t pid) {
  const std::string text = ReadFile("/proc/" + std::to_string(pid) + "/smaps_rollup");
  const std::size_t at = text.find("\nPss:");
  return at == std::string::npos ? 0 : std::atof(text.c_str() + at + 5);
}

}  // namespace

void AdoptOrphans() { prctl(PR_SET_CHILD_SUBREAPER, 1); }

double TreeCpuSeconds(pid_t root) {
  double sum = 0;
  for (const auto& [pid, status] : Tree(root, true))
    sum += OwnSeconds(pid) + status.waited_for_seconds;
  return sum + adopted_seconds;
}

double SettledCpuSeconds(pid_t root) {
  constexpr auto kMoment = std::chrono::milliseconds(40);
  constexpr double kNothing = 0.0005;  // housekeeping runs on
  constexpr int kMoments = 500;
  double before = TreeCpuSeconds(root);
  for (int i = 0; i < kMoments; ++i) {
    std::this_thread::sleep_for(kMoment);
    const double now = TreeCpuSeconds(root);
    if (now - before < kNothing) return now;
    before = now;
  }
  return before;
}

double TreePssKib(pid_t root) {
  double sum = 0;
  for (const auto& [pid, status] : Tree(root, false)) sum += PssKib(pid);
  return sum;
}

Footprint TreeFootprint(pid_t root) {
  Footprint sum;
  for (const auto& [pid, status] : Tree(root, false)) {
    const std::string base = "/proc/" + std::to_string(pid);
    const std::string maps = ReadFile(base + "/maps");
    ++sum.processes;
    sum.pss_kib += PssKib(pid);
    sum.threads += CountEntries(base + "/task");
    sum.descriptors += CountEntries(base + "/fd");
    sum.mappings += static_cast<int>(std::count(maps.begin(), maps.end(), '\n'));
  }
  return sum;
}

double Least(const std::vector<double>& values) {
  return values.empty() ? 0 : *std::min_element(values.begin(), values.end());
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[values.size() / 2];
}

double Percentile(const std::vector<double>& sorted, double share) {
  if (sorted.empty()) return 0;
  const auto at = static_cast<std::size_t>(share * static_cast<double>(sorted.size()));
  return sorted[std::min(at, sorted.size() - 1)];
}

bool Quick() {
  const char* how = std::getenv("BENCH");
  return how != nullptr && std::strcmp(how, "quick") == 0;
}

void RaiseLimits() {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
}

std::string Number(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  std::string number = text;
  // 10000 → 10,000
  std::size_t end = number.find('.');
  if (end == std::string::npos) end = number.size();
  const std::size_t begin = number[0] == '-' ? 1 : 0;
  for (std::size_t at = end; at > begin + 3;) number.insert(at -= 3, ",");
  return number;
}

Table::Table(std::string title, std::vector<std::string> columns) : title_(std::move(title)) {
  rows_.push_back(std::move(columns));
}
void Table::Row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
void Table::Note(const std::string& text) { notes_.push_back(text); }

void Table::Print() const {
  std::printf("### %s\n\n", title_.c_str());
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    for (const std::string& cell : rows_[i]) std::printf("| %s ", cell.c_str());
    std::printf("|\n");
    if (i > 0) continue;
    for (std::size_t j = 0; j < rows_[0].size(); ++j) std::printf("|---");
    std::printf("|\n");
  }
  std::printf("\n");
  for (const std::string& note : notes_) std::printf("%s\n\n", note.c_str());
  std::fflush(stdout);
}

void Figure(const std::string& name, double value) {
  const char* path = std::getenv("SIGNET_BENCH_FIGURES");
  if (path == nullptr) return;
  if (FILE* file = std::fopen(path, "a")) {
    std::fprintf(file, "%s %.6g\n", name.c_str(), value);
    std::fclose(file);
  }
}

}  // namespace signet::bench

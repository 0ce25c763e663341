#include "test/bench/measure.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "test/support/footprint.h"

namespace signet::bench {
namespace {

// What an adopted process and the children that it had waited for have used.
double adopted_seconds = 0;

double OwnSeconds(pid_t pid) {
  clockid_t clock;
  timespec own{};
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &own) != 0) return 0;
  return static_cast<double>(own.tv_sec) + static_cast<double>(own.tv_nsec) / 1e9;
}

// Processes of tests lead groups of their own; what we have adopted is the rest of somebody's
// group. It is waited for here, and nobody else waits for it.
void Reap() {
  for (const auto& [pid, status] : test::AllProcesses()) {
    if (status.parent != getpid() || status.group == pid || status.group == getpgrp()) continue;
    rusage used{};
    if (wait4(pid, nullptr, WNOHANG, &used) == pid)
      adopted_seconds += static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                         static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
  }
}

}  // namespace

void AdoptOrphans() { prctl(PR_SET_CHILD_SUBREAPER, 1); }

double TreeCpuSeconds(pid_t root) {
  Reap();
  double sum = 0;
  for (const auto& [pid, status] : test::ProcessTree(root))
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

double TreePssKib(pid_t root) { return test::FootprintOf(root).pss_kib; }

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

int Holdable(int wanted) {
  constexpr int kOthers = 250;  // sessions beside these, files, libraries
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  return std::min(wanted, static_cast<int>(files.rlim_max) / 2 - kOthers);
}

std::string Number(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  std::string number = text;
  // 10000 → 10,000
  std::size_t end = number.find('.');
  if (end == std::string::npos) end = number.size();
  const std::size_t begin = number[0] == '-' ? 1 : 0;
  for (std::size_t at = end; at > begin + 3;) number.insert(at -= 3, 1, ',');
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

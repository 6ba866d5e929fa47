// The roofline picture: operations a byte across, operations a second up, both logarithmic; a file that needs nothing else.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "profile.h"

namespace cli {
namespace {

constexpr double kWidth = 860, kHeight = 540, kLeft = 78, kRight = 24, kTop = 64, kBottom = 56;
constexpr double kLetter = 6.3, kLine = 14;      // of 11 px text
constexpr double kLabelled = 0.015;              // share of the kernels' time from which a dot gets its name
const char* const kHalo = "stroke=\"#fcfcfa\" stroke-width=\"3\" paint-order=\"stroke\" stroke-linejoin=\"round\"";
const char* const kMemoryColor = "#1f6fb4";
const char* const kComputeColor = "#c2571a";

std::string escaped(const std::string& text) {
  std::string safe;
  for (char c : text) {
    switch (c) {
      case '<': safe += "&lt;"; break;
      case '>': safe += "&gt;"; break;
      case '&': safe += "&amp;"; break;
      case '"': safe += "&quot;"; break;
      default: safe += static_cast<unsigned char>(c) < 32 ? ' ' : c;
    }
  }
  return safe;
}

struct Box {
  double left, top, right, bottom;
  bool meets(const Box& other) const {
    return left < other.right && other.left < right && top < other.bottom && other.top < bottom;
  }
};

// Whole decades that hold all dots and the roofs' corners.
struct Axes {
  double x0 = -2, x1 = 3, y0 = 0, y1 = 4;        // log10 of op/byte and of Gop/s
  double x(double value) const { return kLeft + (std::log10(value) - x0) / (x1 - x0) * (kWidth - kLeft - kRight); }
  double y(double value) const { return kHeight - kBottom - (std::log10(value) - y0) / (y1 - y0) * (kHeight - kTop - kBottom); }
};

struct Dot {
  const KernelProfile* kernel;
  double intensity, rate, share;
};

std::vector<Dot> dots_of(const Profile& profile) {
  std::vector<Dot> dots;
  for (const KernelProfile& kernel : profile.kernels) {
    if (!kernel.known || kernel.bytes <= 0 || kernel.operations() <= 0 || kernel.ms <= 0) continue;
    dots.push_back({&kernel, kernel.operations() / kernel.bytes, kernel.operations() / kernel.ms / 1e6,
                    profile.total_ms > 0 ? kernel.ms / profile.total_ms : 0});
  }
  return dots;
}

Axes axes_of(const std::vector<Dot>& dots, const Roofs& roofs) {
  Axes axes;
  const double most = std::max({roofs.dots, roofs.floats, 1e9}) / 1e9;
  axes.y1 = std::ceil(std::log10(most) + 0.15);
  axes.y0 = axes.y1 - 4;
  for (const Dot& dot : dots) {
    axes.x0 = std::min(axes.x0, std::floor(std::log10(dot.intensity)));
    axes.x1 = std::max(axes.x1, std::ceil(std::log10(dot.intensity) + 0.3));
    axes.y0 = std::min(axes.y0, std::floor(std::log10(dot.rate)));
    axes.y1 = std::max(axes.y1, std::ceil(std::log10(dot.rate)));
  }
  return axes;
}

std::string power_of_ten(double exponent) {
  return exponent >= 0 ? fmt::format("{:.0f}", std::pow(10, exponent)) : fmt::format("{:.{}f}", std::pow(10, exponent), static_cast<int>(-exponent));
}

std::string text_at(double x, double y, const std::string& text, const char* more) {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" {}>{}</text>\n", x, y, more, escaped(text));
}

std::string grid(const Axes& axes) {
  std::string svg;
  const double bottom = kHeight - kBottom, right = kWidth - kRight;
  for (double e = axes.x0; e <= axes.x1; ++e) {
    const double x = axes.x(std::pow(10, e));
    svg += fmt::format("<line x1=\"{0:.1f}\" y1=\"{1:.1f}\" x2=\"{0:.1f}\" y2=\"{2:.1f}\" stroke=\"#e3e3e3\"/>\n", x, kTop, bottom);
    svg += text_at(x, bottom + 17, power_of_ten(e), "text-anchor=\"middle\"");
  }
  for (double e = axes.y0; e <= axes.y1; ++e) {
    const double y = axes.y(std::pow(10, e));
    svg += fmt::format("<line x1=\"{0:.1f}\" y1=\"{1:.1f}\" x2=\"{2:.1f}\" y2=\"{1:.1f}\" stroke=\"#e3e3e3\"/>\n", kLeft, y, right);
    svg += text_at(kLeft - 7, y + 4, power_of_ten(e), "text-anchor=\"end\"");
  }
  svg += text_at((kLeft + right) / 2, kHeight - 14, "operations a byte", "text-anchor=\"middle\" font-size=\"12\"");
  svg += fmt::format("<text transform=\"translate(20 {:.1f}) rotate(-90)\" text-anchor=\"middle\" font-size=\"12\">Gop/s</text>\n",
                     (kTop + bottom) / 2);
  return svg;
}

// One ceiling: up along the bandwidth to where the compute roof begins, then flat.
std::string roof(const Axes& axes, double read_gb, double peak_gop, const std::string& name, std::vector<Box>& taken) {
  if (read_gb <= 0 || peak_gop <= 0) return "";
  const double floor_rate = std::pow(10, axes.y0), left = std::pow(10, axes.x0), right = std::pow(10, axes.x1);
  const double start = std::max(left, floor_rate / read_gb), corner = std::clamp(peak_gop / read_gb, start, right);
  std::string svg = fmt::format("<polyline points=\"{:.1f},{:.1f} {:.1f},{:.1f} {:.1f},{:.1f}\" fill=\"none\" stroke=\"#555\" stroke-width=\"1.6\"/>\n",
                                axes.x(start), axes.y(start * read_gb), axes.x(corner), axes.y(corner * read_gb), axes.x(right),
                                axes.y(peak_gop));
  const std::string text = fmt::format("{} {:.0f} Gop/s", name, peak_gop);
  const double y = axes.y(peak_gop) - 6, x = axes.x(right) - 4, width = kLetter * static_cast<double>(text.size());
  taken.push_back({x - width, y - kLine + 3, x, y + 8});
  return svg + text_at(x, y, text, "text-anchor=\"end\" fill=\"#555\"");
}

std::string bandwidth_name(const Axes& axes, double read_gb, std::vector<Box>& taken) {
  if (read_gb <= 0) return "";
  const double at = std::max(std::pow(10, axes.x0), std::pow(10, axes.y0) / read_gb) * 1.6;
  const std::string text = fmt::format("memory {:.1f} GB/s", read_gb);
  const double x = axes.x(at) - 8, y = axes.y(at * read_gb) - 22;
  const double slope = std::atan2(axes.y(at * read_gb) - axes.y(at * read_gb * 10), axes.x(at * 10) - axes.x(at)) * 180 / M_PI;
  taken.push_back({x - 10, y - 90, x + 90, y + 10});
  return fmt::format("<text transform=\"translate({:.1f} {:.1f}) rotate({:.1f})\" fill=\"#555\">{}</text>\n", x, y, -slope, text);
}

// The first free place around a dot; none: the name stays in the dot's tooltip.
std::string label(const std::string& text, double x, double y, double radius, std::vector<Box>& taken) {
  const double width = kLetter * static_cast<double>(text.size());
  for (int ring = 0; ring < 7; ++ring) {
    for (const double side : {1.0, -1.0}) {
      for (const double up : {0.0, -1.0, 1.0}) {
        if (ring > 0 && up == 0) continue;
        const double left = side > 0 ? x + radius + 5 : x - radius - 5 - width, middle = y + up * kLine * (ring + 0.6);
        const Box box{left, middle - kLine / 2, left + width, middle + kLine / 2};
        if (box.left < kLeft || box.right > kWidth || box.top < kTop || box.bottom > kHeight - kBottom) continue;
        if (std::any_of(taken.begin(), taken.end(), [&](const Box& other) { return box.meets(other); })) continue;
        taken.push_back(box);
        std::string svg;
        if (ring > 0)
          svg += fmt::format("<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"#bbb\"/>\n", x, y,
                             side > 0 ? left - 2 : left + width + 2, middle);
        return svg + text_at(left, middle + 4, text, kHalo);
      }
    }
  }
  return "";
}

std::string panel(const Profile& profile) {
  const std::vector<Dot> dots = dots_of(profile);
  const Roofs& roofs = profile.roofs;
  const Axes axes = axes_of(dots, roofs);
  std::vector<Box> taken;
  std::string svg = text_at(kLeft, 26, fmt::format("{} of {}, {} threads", profile.test, profile.model, profile.threads),
                            "font-size=\"16\" font-weight=\"600\"");
  svg += text_at(kLeft, 45, fmt::format("area of a dot: share of the time; {:.1f}% of it threads wait for each other",
                                        profile.total_ms > 0 ? 100 * profile.waiting_ms / profile.total_ms : 0), "fill=\"#555\"");
  svg += text_at(kWidth - kRight, 26, "memory sets the limit", fmt::format("text-anchor=\"end\" fill=\"{}\"", kMemoryColor).c_str());
  svg += text_at(kWidth - kRight, 45, "arithmetic sets the limit", fmt::format("text-anchor=\"end\" fill=\"{}\"", kComputeColor).c_str());
  svg += grid(axes);
  svg += roof(axes, roofs.read_bytes / 1e9, roofs.dots / 1e9, "byte dots", taken);
  svg += roof(axes, roofs.read_bytes / 1e9, roofs.floats / 1e9, "f32 fma", taken);
  svg += bandwidth_name(axes, roofs.read_bytes / 1e9, taken);
  const auto radius_of = [](const Dot& dot) { return 3 + 17 * std::sqrt(std::min(1.0, dot.share)); };
  for (const Dot& dot : dots) {
    const double x = axes.x(dot.intensity), y = axes.y(dot.rate), radius = radius_of(dot);
    taken.push_back({x - radius, y - radius, x + radius, y + radius});
    svg += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{:.1f}\" fill=\"{}\" fill-opacity=\"0.55\" stroke=\"#fff\"><title>{}: {:.1f}% of the "
                       "time, {:.0f}% of peak</title></circle>\n",
                       x, y, radius, dot.kernel->memory_bound(roofs) ? kMemoryColor : kComputeColor, escaped(dot.kernel->symbol),
                       100 * dot.share, 100 * dot.kernel->of_peak(roofs));
  }
  for (const Dot& dot : dots) {
    if (dot.kernel->ms < kLabelled * profile.kernels_ms()) continue;
    const std::string name = dot.kernel->symbol.starts_with("k_") ? dot.kernel->symbol.substr(2) : dot.kernel->symbol;
    svg += label(fmt::format("{}: {:.0f}% of time, {:.0f}% of peak", name, 100 * dot.share, 100 * dot.kernel->of_peak(roofs)),
                 axes.x(dot.intensity), axes.y(dot.rate), radius_of(dot), taken);
  }
  return svg;
}

}  // namespace

std::string roofline_svg(const std::vector<Profile>& profiles) {
  const double height = kHeight * static_cast<double>(profiles.size());
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:.0f} {1:.0f}\" width=\"{0:.0f}\" height=\"{1:.0f}\" "
      "font-family=\"system-ui, sans-serif\" font-size=\"11\" fill=\"#222\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fcfcfa\"/>\n",
      kWidth, height);
  for (size_t i = 0; i < profiles.size(); ++i)
    svg += fmt::format("<g transform=\"translate(0 {:.0f})\">\n{}</g>\n", kHeight * static_cast<double>(i), panel(profiles[i]));
  return svg + "</svg>\n";
}

}  // namespace cli

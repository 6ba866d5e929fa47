// Before the first paint: the colors chosen last time or else the device's own, so that a dark page never flashes white.
(function () {
  var theme = null;
  try {
    theme = localStorage.getItem("hearth.theme");
  } catch (_) {
    // No storage: the device's preference holds.
  }
  if (theme !== "dark" && theme !== "light") theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  document.documentElement.dataset.theme = theme;
})();

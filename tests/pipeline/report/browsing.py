"""Chromium, as a test of a page needs it."""

import json

from selenium.webdriver.support.ui import WebDriverWait


class Browser:
    """Opens a page, and tells what the page did."""

    def __init__(self, driver):
        self.driver = driver

    def open(self, path, width=1280, scheme="light"):
        self._set("setDeviceMetricsOverride", width=width, height=900,
                  deviceScaleFactor=1, mobile=False)  # fmt: skip
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self._set("setEmulatedMedia", features=[feature])
        for kind in ("browser", "performance"):
            self.driver.get_log(kind)  # forgets what was before
        # The driver may answer while the page before is still there, and a page that
        # is opened anew is for a moment empty.
        self.run("window.before = true")
        self.driver.get(path.as_uri())
        whole = "return document.readyState === 'complete' && !window.before"
        WebDriverWait(self.driver, 60, poll_frequency=0.05).until(
            lambda _: self.run(whole)
        )
        return self

    def _set(self, command, **values):
        self.driver.execute_cdp_cmd(f"Emulation.{command}", values)

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def all(self, selector):
        return self.driver.find_elements("css selector", selector)

    def click(self, element):
        # Not under the bar at the top of the page, and not while it still scrolls.
        where = "{block: 'center', behavior: 'instant'}"
        self.run(f"arguments[0].scrollIntoView({where})", element)
        element.click()

    def complaints(self):
        return self.driver.get_log("browser")

    def requests(self):
        """What left the page or its machine: all but the file itself and data URLs."""
        messages = [
            json.loads(entry["message"])["message"]
            for entry in self.driver.get_log("performance")
        ]
        urls = [
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        ]
        return [url for url in urls if not url.startswith("data:")]

    def scrolls_sideways(self):
        page = "document.documentElement.scrollWidth"
        return self.run(f"return {page} > innerWidth")

    def cut_texts(self):
        """Texts of charts that are not whole within their chart and the screen."""
        return self.run(
            """const box = (one) => one.getBoundingClientRect();
            return [...document.querySelectorAll("figure svg text")].filter((text) => {
              const [inner, outer] = [box(text), box(text.closest("svg"))];
              return inner.left < outer.left - 1 || inner.right > outer.right + 1
                || inner.top < outer.top - 1 || inner.bottom > outer.bottom + 1
                || outer.left < 0 || outer.right > innerWidth;
            }).map((text) => text.textContent);"""
        )

    def contrast(self, selector):
        """The contrast of a text with its ground (WCAG 2.2, 1.4.3)."""
        element = self.all(selector)[0]
        colours = self.run(
            """const [element] = arguments;
            const all = [getComputedStyle(element).color];
            for (let at = element; at; at = at.parentElement) {
              const ground = getComputedStyle(at).backgroundColor;
              if (ground !== "rgba(0, 0, 0, 0)") return [...all, ground];
            }""",
            element,
        )
        light, dark = sorted(map(_luminance, colours), reverse=True)
        return (light + 0.05) / (dark + 0.05)


def _luminance(colour):
    parts = [float(part) / 255 for part in colour.strip("rgba()").split(",")[:3]]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in parts
    ]
    return sum(
        w * part for w, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True)
    )

import re, pytest
from tests.browser.conftest import watched_page
from tests.browser.test_classroom import classroom, tab, button, words, epochs, TABS
from tests.browser.screen import *
from gdw_notebooks.panels.lab_views import VIEWS
from playwright.sync_api import expect

def test_measure(browser, voila_server):
    with watched_page(browser, voila_server) as page:
        classroom(page)
        for large in (False, True):
            tab(page, "Training lab")
            if large:
                button(page, "Large type").click(); page.wait_for_timeout(1500)
            for zoom in ((1280,800),(640,400)):
                page.set_viewport_size(dict(width=zoom[0],height=zoom[1]))
                page.wait_for_timeout(500)
                for name in TABS:
                    if zoom[0] < 700:
                        page.get_by_role("tab", name=name).click()
                    else: tab(page, name)
                    page.wait_for_timeout(800)
                    to_the_top(page)
                    print("=====", large, zoom, name)
                    page.screenshot(path=f"/tmp/screen_img/shot_{large}_{zoom[0]}_{name.replace(' ','')}.png", full_page=False)
                    for img in page.locator("img:visible").all():
                        print(img.bounding_box(), (img.get_attribute("alt") or '')[:50])
                    print("\n".join(cut_off(page.locator("body"))))
                    print(page.evaluate("() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]"))

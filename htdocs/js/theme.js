// Before the first paint: without a choice of their own, people get what their system prefers.
;(() => {
    const root = document.documentElement
    if (root.hasAttribute('data-theme-auto') && matchMedia('(prefers-color-scheme: dark)').matches) root.dataset.bsTheme = 'dark'
    root.classList.add('js')
})()

</main>
<footer class="footer footer-transparent d-print-none">
<div class="container-xl text-secondary portal-foot"><span><?cs var:Page.Brand ?></span><?cs if:Error.Status ?><span><?cs var:T.Nav.Request ?> <code><?cs var:Page.RequestId ?></code></span><?cs /if ?></div>
</footer>
</div>
</div>
</body>
</html>

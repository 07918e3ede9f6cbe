</main>
<footer class="footer footer-transparent d-print-none">
<div class="container-xl text-secondary portal-foot"><span><?cs var:Page.Brand ?></span><?cs if:!Page.User && Page.Billing == "1" ?><a href="/pricing"><?cs var:T.Nav.Pricing ?></a><?cs /if ?><?cs if:Error.Status ?><span><?cs var:T.Nav.Request ?> <code><?cs var:Page.RequestId ?></code></span><?cs /if ?></div>
</footer>
</div>
</div>
</body>
</html>

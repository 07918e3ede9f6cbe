<!doctype html>
<html lang="<?cs var:Page.Language ?>">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<title><?cs var:Mail.Subject ?></title>
<style>
:root { color-scheme: light dark; supported-color-schemes: light dark; }
a { color: #0b5cbf; }
@media (max-width: 480px) {
  .m-page { padding: 12px 8px !important; }
  .m-card { padding: 20px 18px !important; }
  .m-button { display: block !important; text-align: center !important; }
}
@media (prefers-color-scheme: dark) {
  .m-page { background-color: #131922 !important; }
  .m-card { background-color: #1c2431 !important; border-color: #303b4d !important; }
  .m-text { color: #e6ebf2 !important; }
  .m-quiet, .m-quiet a { color: #a3afc0 !important; }
  .m-line { border-color: #303b4d !important; }
  .m-button { background-color: #1f5fbf !important; color: #ffffff !important; }
}
</style>
</head>
<body class="m-page" style="margin:0;padding:32px 16px;background-color:#f3f5f9;font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif;font-size:16px;line-height:1.5;-webkit-text-size-adjust:100%">
<div style="max-width:560px;margin:0 auto">
<p class="m-text" style="margin:0 0 14px;padding:0 4px;font-size:15px;font-weight:600;color:#1b2430"><?cs var:Page.Brand ?></p>
<div class="m-card" style="padding:30px 32px;background-color:#ffffff;border:1px solid #dce2ea;border-radius:10px">
<h1 class="m-text" style="margin:0 0 16px;font-size:21px;line-height:1.3;font-weight:650;color:#1b2430;overflow-wrap:anywhere"><?cs var:Mail.Head ?></h1>
<?cs each:p = Mail.Text ?><p class="m-text" style="margin:0 0 16px;color:#1b2430;overflow-wrap:anywhere"><?cs var:p.Words ?></p>
<?cs /each ?><?cs if:subcount(Mail.Rows) ?><table class="m-line" style="width:100%;margin:4px 0 20px;border-collapse:collapse;border-top:1px solid #dce2ea;font-size:15px">
<?cs each:r = Mail.Rows ?><tr>
<th class="m-quiet m-line" scope="row" style="padding:9px 12px 9px 0;border-bottom:1px solid #dce2ea;font-weight:400;text-align:left;vertical-align:top;color:#5b6675"><?cs var:r.Label ?></th>
<td class="m-text m-line" style="padding:9px 0;border-bottom:1px solid #dce2ea;font-weight:600;text-align:right;vertical-align:top;color:#1b2430;overflow-wrap:anywhere;font-variant-numeric:tabular-nums"><?cs var:r.Value ?></td>
</tr>
<?cs /each ?></table>
<?cs /if ?><?cs if:Mail.Button ?><p style="margin:8px 0 4px"><a class="m-button" href="<?cs var:url_validate(Mail.Url) ?>" style="display:inline-block;padding:11px 22px;background-color:#0b5cbf;border-radius:7px;color:#ffffff;font-weight:600;text-decoration:none"><?cs var:Mail.Button ?></a></p>
<?cs /if ?></div>
<div class="m-quiet" style="padding:16px 4px 0;font-size:13px;line-height:1.5;color:#5b6675;overflow-wrap:anywhere">
<?cs if:Mail.Small ?><p style="margin:0 0 6px"><?cs var:Mail.Small ?></p>
<?cs /if ?><p style="margin:0"><a class="m-quiet" href="<?cs var:url_validate(Page.Url) ?>" style="color:#5b6675"><?cs var:Page.Brand ?></a></p>
</div>
</div>
</body>
</html>

total = sum(line["price"] * line["count"] for line in lines)
pieces = sum(line["count"] for line in lines)
if pieces >= 100:
    discount, share = "large", 0.1
elif pieces >= 10:
    discount, share = "small", 0.05
else:
    discount, share = "none", 0.0
total = round(total * (1 - share), 2)
{
    "total": total,
    "discount": discount,
    "summary": f"{pieces} pieces for {total:.2f} EUR",
}

from django.http import HttpResponse
from django.urls import path

from store.models import Product


def products(request):
    return HttpResponse(", ".join(Product.objects.values_list("name", flat=True)))


urlpatterns = [path("", products)]
